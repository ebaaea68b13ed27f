"""The files that were made of a video, and asking for more of them."""
import uuid

import pytest

from gateway import DEFAULT_BUCKET as BUCKET
from signed import signed
from test_videos import finish
from web import request

PLAYLIST = """#EXTM3U
#EXT-X-VERSION:7
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",URI="hls-audio.m3u8",NAME="a"
#EXT-X-MAP:URI="hls-720p.mp4",BYTERANGE="800@0"
#EXTINF:4.000,
#EXT-X-BYTERANGE:100@800
hls-720p.mp4
hls-audio.m3u8
unknown.mp4
"""
VTT = """WEBVTT

00:00.000 --> 00:10.000
sprite.jpg#xywh=0,0,320,180

00:10.000 --> 00:20.000
sprite.jpg
other.jpg#xywh=0,0,1,1
"""
FILES = {"hls.m3u8": PLAYLIST, "storyboard.vtt": VTT,
         "waveform.json": '{"version": 2}', "sprite.jpg": "a picture",
         "hls-720p.mp4": "a film", "hls-audio.m3u8": "#EXTM3U\n"}


@pytest.fixture
def video(user):
    return user.complete(user.upload()).json["video"]["id"]


@pytest.fixture
def made(stack, user, video):
    """What a processor leaves, put there by hand."""
    for name, text in FILES.items():
        key = f"derived/{video}/hash/{name}"
        assert signed(stack, "PUT", f"/{BUCKET}/{key}", text).status == 200
        stack.sql(f"""INSERT INTO video_files (video_id, name, role, job_type,
            s3_key, size) VALUES ('{video}', '{name}', 'a-role', 'package_hls',
            '{key}', {len(text)})""")
    return video


def test_list_names_each_file_with_a_url_that_serves_it(user, made):
    answer = user.get(f"/api/videos/{made}/files")
    assert answer.status == 200
    files = {f["name"]: f for f in answer.json["files"]}
    assert set(files) == set(FILES)
    for name, text in FILES.items():
        assert files[name]["size"] == len(text)
        assert files[name]["role"] == "a-role"
        got = request("GET", files[name]["url"])
        assert (got.status, got.body) == (200, text.encode())
    tag = answer.headers["ETag"]
    assert user.get(f"/api/videos/{made}/files",
                    **{"If-None-Match": tag}).status == 304


def test_list_of_a_video_without_files_is_empty(user, video):
    assert user.get(f"/api/videos/{video}/files").json == {"files": []}


def test_playlist_names_signed_urls_and_other_playlists(user, made):
    answer = user.get(f"/api/videos/{made}/files/hls.m3u8")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/vnd.apple.mpegurl"
    lines, were = (t.split("\n") for t in (answer.body.decode(), PLAYLIST))
    assert len(lines) == len(were)
    changed = {i for i, line in enumerate(lines) if line != were[i]}
    assert changed == {3, 6}
    url = lines[3].split('"')[1]
    assert lines[3] == f'#EXT-X-MAP:URI="{url}",BYTERANGE="800@0"'
    assert lines[6] == url
    assert request("GET", url, headers={"Range": "bytes=2-3"}).body == b"fi"


def test_vtt_names_signed_urls_of_pictures(user, made):
    answer = user.get(f"/api/videos/{made}/files/storyboard.vtt")
    assert answer.headers["Content-Type"] == "text/vtt; charset=utf-8"
    lines = answer.body.decode().split("\n")
    url, place = lines[3].split("#")
    assert place == "xywh=0,0,320,180"
    assert request("GET", url).body == b"a picture"
    # text is text, and what is no file of the video stays as it is
    assert lines[:3] + lines[4:] == VTT.split("\n")[:3] + VTT.split("\n")[4:]


def test_json_comes_as_it_is(user, made):
    answer = user.get(f"/api/videos/{made}/files/waveform.json")
    assert answer.status == 200
    assert answer.json == {"version": 2}


def test_everything_else_is_at_the_s3_port(stack, user, made):
    answer = user.get(f"/api/videos/{made}/files/sprite.jpg")
    assert answer.status == 307
    assert answer.headers["Location"] == answer.json["url"]
    assert answer.json["url"].startswith(stack.s3)
    assert request("GET", answer.json["url"]).body == b"a picture"


@pytest.mark.parametrize("name", [
    "none.jpg", "%2e%2e", "hls.m3u8%00", "HLS.m3u8", "a" * 300])
def test_no_such_file_is_404(user, made, name):
    assert user.get(f"/api/videos/{made}/files/{name}").status == 404


def test_file_whose_object_is_gone_is_404(stack, user, made):
    stack.sql("UPDATE video_files SET s3_key = s3_key || 'x'")
    assert user.get(f"/api/videos/{made}/files/hls.m3u8").status == 404


def test_files_of_another_user_are_not_found(stack, made):
    other = stack.user()
    for path in ("files", "files/hls.m3u8", "files/sprite.jpg", "tasks"):
        assert other.get(f"/api/videos/{made}/{path}").status == 404
    assert other.post(f"/api/videos/{made}/tasks",
                      {"type": "storyboard"}).status == 404


def test_replaced_content_takes_its_files_along(stack, user, made):
    stack.sql(f"UPDATE videos SET content = 'other' WHERE id = '{made}'")
    assert user.get(f"/api/videos/{made}/files").json == {"files": []}


# ---- tasks --------------------------------------------------------------------

TASK = {"jobId", "type", "status", "progress", "error", "created_at"}


def test_task_is_a_job_of_the_present_content(stack, user, video):
    finish(stack, video)
    answer = user.post(f"/api/videos/{video}/tasks",
                       {"type": "thumbnails", "times": [0, 1.5]})
    assert answer.status == 202
    job = answer.json["jobId"]
    assert answer.json == {"jobId": job, "type": "thumbnails"}
    rows = stack.rows(
        "SELECT j.type, j.status, j.payload -> 'options' AS options, "
        "j.payload ->> 'content' = v.content AS present FROM job_queue j "
        f"JOIN videos v ON v.id = j.video_id WHERE j.id = '{job}'")
    assert rows == [{"type": "generate_thumbnails", "status": "pending",
                     "options": '{"exact": true, "times": [0, 1.5]}', "present": "t"}]
    tasks = user.get(f"/api/videos/{video}/tasks").json["tasks"]
    assert [set(t) for t in tasks] == [TASK]
    assert (tasks[0]["jobId"], tasks[0]["status"], tasks[0]["progress"],
            tasks[0]["error"]) == (job, "pending", 0, None)


def test_task_that_is_under_way_is_not_made_twice(stack, user, video):
    finish(stack, video)
    path = f"/api/videos/{video}/tasks"
    first = user.post(path, {"type": "storyboard"}).json
    assert user.post(path, {"type": "storyboard"}).json == first
    other = user.post(path, {"type": "thumbnails", "times": [1]}).json
    assert user.post(path, {"type": "thumbnails",
                            "times": [1.0]}).json == other
    third = user.post(path, {"type": "thumbnails", "times": [2]}).json
    assert len({t["jobId"] for t in (first, other, third)}) == 3
    stack.sql("UPDATE job_queue SET status = 'completed' "
              f"WHERE id = '{first['jobId']}'")
    assert user.post(path, {"type": "storyboard"}).json != first


@pytest.mark.parametrize("body", [
    {}, {"type": "dance"}, {"type": 7}, {"type": None},
    {"type": "thumbnails"}, {"type": "thumbnails", "times": []},
    {"type": "thumbnails", "times": 1}, {"type": "thumbnails", "times": [-1]},
    {"type": "thumbnails", "times": ["1"]},
    {"type": "thumbnails", "times": [12.5]},
    {"type": "thumbnails", "times": [1] * 11},
    {"type": "thumbnails", "times": [1], "exact": 1}])
def test_task_with_bad_members_is_400(stack, user, video, body):
    finish(stack, video)
    answer = user.post(f"/api/videos/{video}/tasks", body)
    assert answer.status == 400
    assert "error" in answer.json


def test_task_of_an_unprocessed_video_is_409(user, video):
    answer = user.post(f"/api/videos/{video}/tasks", {"type": "storyboard"})
    assert answer.status == 409
    assert answer.json == {"error": "The video has not been processed yet"}


def test_task_is_cancelled_by_its_owner_alone(stack, user, video):
    finish(stack, video)
    path = f"/api/videos/{video}/tasks"
    job = user.post(path, {"type": "storyboard"}).json["jobId"]
    assert stack.user().call("DELETE", f"{path}/{job}").status == 404
    assert user.call("DELETE", f"{path}/{uuid.uuid4()}").status == 404
    assert user.call("DELETE", f"{path}/x").status == 404
    assert user.call("DELETE", f"{path}/{job}").status == 204
    assert user.get(path).json["tasks"][0]["status"] == "cancelled"
    assert user.call("DELETE", f"{path}/{job}").status == 409


def test_a_job_that_is_no_task_cannot_be_cancelled(stack, user, video):
    job = stack.sql("SELECT id FROM job_queue WHERE type = 'process_video' "
                    f"AND video_id = '{video}'")[0][0]
    answer = user.call("DELETE", f"/api/videos/{video}/tasks/{job}")
    assert answer.status == 404
