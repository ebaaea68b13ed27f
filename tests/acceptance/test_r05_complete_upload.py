"""R5: complete-upload and the object's event, however often and in whatever
order, make one video and its two jobs."""
import threading
from concurrent.futures import ThreadPoolExecutor

from web import request

NOT_FOUND = {"error": "Upload not found or access denied"}


def made_of(stack, key):
    """Videos and types of jobs that this key has."""
    videos = stack.sql(f"SELECT id FROM videos WHERE s3_key = '{key}'")
    jobs = stack.sql("SELECT j.type FROM job_queue j JOIN videos v "
                     f"ON v.id = j.video_id WHERE v.s3_key = '{key}' "
                     "ORDER BY 1")
    return len(videos), [j[0] for j in jobs]


def test_R5_50_calls_and_the_event_make_one_video(stack, user):
    for _ in range(3):
        upload = user.upload_url(size=5)
        start = threading.Barrier(51)

        def complete(_):
            start.wait()
            return user.complete(upload)

        with ThreadPoolExecutor(50) as pool:
            calls = [pool.submit(complete, i) for i in range(50)]
            assert user.put(upload, b"hello").status == 200
            start.wait()  # the event is on its way, too
            answers = [c.result() for c in calls]
        assert {a.status for a in answers} == {201}
        assert len({a.json["video"]["id"] for a in answers}) == 1
        assert len({str(a.json["jobs"]) for a in answers}) == 1
        stack.relayed()
        assert made_of(stack, upload["key"]) == (
            1, ["ai_analysis", "process_video"])


def test_R5_calls_before_and_after_the_object_converge(stack, user):
    upload = user.upload_url(size=5)
    answer = user.complete(upload)
    assert (answer.status, answer.json) == (
        409, {"error": "The file has not been uploaded yet"})
    assert made_of(stack, upload["key"]) == (0, [])
    assert user.put(upload, b"hello").status == 200
    first = user.complete(upload).json
    stack.relayed()
    again = user.complete(upload)
    assert again.status == 201
    assert again.json["video"]["id"] == first["video"]["id"]
    assert again.json["jobs"] == first["jobs"]
    assert made_of(stack, upload["key"]) == (
        1, ["ai_analysis", "process_video"])


def test_R5_another_users_key_is_404(stack, user):
    upload = user.upload()
    other = stack.user()
    for key in (upload["key"], f"uploads/{other.id}/never-announced.mp4",
                f"derived/{other.id}/x", "../" + upload["key"], "x" * 1024,
                "x'; DELETE FROM videos; --", "uploads/\u202e"):
        answer = other.complete({"key": key})
        assert (answer.status, answer.json) == (404, NOT_FOUND), key
    assert user.complete(upload).status == 201


def test_R5_the_object_says_how_large_it_is(user):
    upload = user.upload_url()
    assert user.put(upload, b"x" * 12345).status == 200
    video = user.complete(upload, fileSize=1).json["video"]
    assert video["file_size"] == 12345
    assert len(request("GET", video["url"]).body) == 12345


def test_R5_refusals_are_golden(user):
    for body in ({}, {"key": "k"}, {"fileName": "a"}, {"key": 1, "fileName": 2},
                 {"key": "", "fileName": "a"}):
        answer = user.post("/api/videos/complete-upload", body)
        assert (answer.status, answer.json) == (
            400, {"error": "Missing required fields: key, fileName"})
    answer = user.complete(user.upload(), "n" * 1025)
    assert (answer.status, answer.json) == (
        400, {"error": "fileName or title is too long"})
