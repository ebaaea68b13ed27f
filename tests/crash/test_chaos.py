"""The whole chain under blows, in a form of about a minute; the long form is
chaos.py. And that its judge sees each kind of damage: the end of that run,
changed in one place."""

import copy
import os

import pytest

import chaos_check
from chaos import Plan, chaos

LONG = bool(os.environ.get("REELGATE_TEST_LONG"))
PLAN = Plan(seed=20261123) if LONG else Plan(
    uploads=120, seed=20261123, between=(0.3, 1.5), hasten=True)


@pytest.fixture(scope="module")
def run():
    return chaos(PLAN)


def test_every_upload_has_every_effect_exactly_once(run, capsys):
    with capsys.disabled():
        print("\n" + run.text)
    assert run.faults == []
    ways = {u.way for u in run.state.uploads}
    assert len(ways) == 8, "the clients did not take every way"
    assert run.state.clips, "no clip was cut"
    assert run.struck > 0, "no blow struck a job"


# ---- a judge that could not see would prove nothing --------------------------

@pytest.fixture
def end(run):
    return copy.deepcopy(run.state)


def upload(end, way="direct"):
    return next(u for u in end.uploads if u.way == way)


def job(end, kind, way="direct"):
    key = upload(end, way).key
    return next(j for j in end.jobs
                if j["type"] == kind and j["payload"].get("s3Key") == key)


def video(end, way="direct"):
    key = upload(end, way).key
    return next(v for v in end.videos if v["s3_key"] == key)


def an_event(end):
    return next(e for e in end.events if e["key"].startswith("uploads/"))


def lose_an_object(end):
    del end.objects[upload(end).key]


def change_a_byte(end):
    key = upload(end).key
    end.objects[key] = end.objects[key][:-1] + b"?"


def bring_a_deleted_object_back(end):
    end.objects[upload(end, "deleted").key] = b""


def an_object_of_nobody(end):
    end.objects["uploads/nobody/x.mp4"] = b"x"


def the_content_before(end):
    u = upload(end, "overwritten")
    end.objects[u.key] = u.bodies[0]


def lose_an_event(end):
    end.events.remove(an_event(end))


def double_an_event(end):
    end.events.append(an_event(end))


def invent_an_event(end):
    end.events.append({**an_event(end), "seq": "999999999"})


def put_an_event_aside(end):
    an_event(end)["error"] = "22023: no"


def write_twice(end):
    """The store has the second write, and so has the database."""
    e = next(x for x in end.outbox if x.key == upload(end).key)
    end.outbox.append(copy.copy(e))


def leave_the_cursor_behind(end):
    end.cursors[0]["last_seq"] = str(int(end.cursors[0]["last_seq"]) - 1)


def double_a_video(end):
    end.videos.append(copy.deepcopy(video(end)))


def lose_a_video(end):
    end.videos.remove(video(end))


def keep_the_content_before(end):
    video(end, "overwritten")["content"] = "0" * 64


def double_a_job(end):
    """With a name of its own, as by a broken dedupe."""
    end.jobs.append({**copy.deepcopy(job(end, "process_video")),
                     "id": "a", "dedupe_key": "process_video:a"})


def double_a_jobs_row(end):
    end.jobs.append({**copy.deepcopy(job(end, "ai_analysis")), "id": "a"})


def lose_a_job(end):
    end.jobs.remove(job(end, "ai_analysis"))


def complete_a_job_twice(end):
    """A run too many that nobody accounted for."""
    job(end, "process_video")["attempts"] += 1


def forget_an_attempt(end):
    job(end, "process_video")["attempts"] -= 1


def fail_by_the_product(end):
    j = job(end, "process_video")
    j["errors"].append({"error": "worker_protocol"})
    j["attempts"] += 1


def fail_for_good(end):
    job(end, "process_video").update(status="failed", error="lease expired")


def fail_a_video(end):
    video(end).update(analysis_status="failed", error="lease expired")


def complete_what_is_no_video(end):
    video(end, "no_video").update(analysis_status="completed", error="")


def leave_a_job_running(end):
    job(end, "ai_analysis").update(status="processing", live="t")


def lose_a_poster(end):
    del end.derived[job(end, "process_video")["result"]["poster"]]


def lose_an_analysis(end):
    del end.derived[job(end, "process_video")["result"]["analysis"]]


def double_a_poster(end):
    poster = job(end, "process_video")["result"]["poster"]
    end.derived[poster.replace("/poster", "/again/poster")] = 1


def show_another_poster(end):
    video(end)["thumbnail_key"] = "derived/another/poster.jpg"


def write_an_analysis_twice(end):
    end.parts[video(end)["id"]][0] *= 2
    end.parts[video(end)["id"]][1] += 1


def double_a_clip(end):
    end.clips.append({**end.clips[0], "id": "a"})


def lose_a_clip(end):
    end.clips.pop()


def lose_a_clips_file(end):
    del end.derived[end.clips[0]["s3_key"]]


def a_message(end):
    return next(j for j in end.jobs if j["type"] == "webhook_deliver")


def tell_nobody(end):
    end.jobs.remove(a_message(end))


def tell_twice(end):
    j = next(j for j in end.jobs if j["type"] == "webhook_deliver" and
             j["payload"]["message"]["data"].get("key") == upload(end).key)
    end.jobs.append({**copy.deepcopy(j), "id": "a"})
    end.taken.add("msg_a")


def a_message_not_taken(end):
    end.taken.remove(f"msg_{a_message(end)['id']}")


def change_a_message(end):
    ident, message = end.told[-1]
    end.told[-1] = ident, {**message, "type": "video.failed?"}


def a_message_unsigned(end):
    end.unsigned.append(end.told[0][0])


def leave_an_intent_open(end):
    end.intents.append({"key": upload(end).key})


def leave_a_folder(end):
    end.left.append("work: a")


def log_an_error(end):
    end.errors.append("gateway: a")


DAMAGES = {
    lose_an_object: "objects", change_a_byte: "objects",
    bring_a_deleted_object_back: "objects", an_object_of_nobody: "objects",
    the_content_before: "objects",
    lose_an_event: "events", double_an_event: "events",
    invent_an_event: "events", put_an_event_aside: "events",
    leave_the_cursor_behind: "events", write_twice: "outbox_tells",
    double_a_video: "videos", lose_a_video: "videos",
    keep_the_content_before: "videos",
    double_a_job: "jobs", double_a_jobs_row: "jobs", lose_a_job: "jobs",
    complete_a_job_twice: "attempts", forget_an_attempt: "attempts",
    fail_by_the_product: "attempts",
    fail_for_good: "ends", fail_a_video: "ends",
    complete_what_is_no_video: "ends", leave_a_job_running: "ends",
    lose_a_poster: "derived", lose_an_analysis: "derived",
    double_a_poster: "derived", show_another_poster: "derived",
    lose_a_clips_file: "derived", write_an_analysis_twice: "analyses",
    double_a_clip: "clips", lose_a_clip: "clips",
    tell_nobody: "messages", tell_twice: "messages",
    a_message_not_taken: "messages", change_a_message: "messages",
    a_message_unsigned: "messages",
    leave_an_intent_open: "intents", leave_a_folder: "left",
    log_an_error: "left",
}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda d: d.__name__)
def test_the_judge_sees(run, end, damage):
    before = chaos_check.faults(end)
    damage(end)
    new = [f for f in chaos_check.faults(end) if f not in before]
    assert DAMAGES[damage] in {kind for kind, _ in new}
