"""R8: drivers that poll /api/jobs/process drain the queue beside the native
worker; each job is run once."""
import threading

from machine import ffmpeg
from stack import JOB_TOKEN
from web import request, wait_for

JOBS = 1000
VIDEOS = 4
PATH = "/api/jobs/process"


class Lines:
    """What a process prints, as it comes."""

    def __init__(self, process):
        self.seen = []
        self.thread = threading.Thread(target=self.read, daemon=True,
                                       args=(process.stdout,))
        self.thread.start()

    def read(self, stdout):
        for line in stdout:
            self.seen.append(line.strip())


def process(machine, token=JOB_TOKEN):
    answer = request("POST", machine.api + PATH, None,
                     {"Authorization": f"Bearer {token}"}, timeout=180)
    return answer.status, answer.json


def test_R8_4_loops_drain_the_queue_each_job_once(machine, node, tmp_path):
    data = ffmpeg(tmp_path / "v.mp4", "-f", "lavfi", "-i",
                  "testsrc2=size=64x64:rate=10:duration=1").read_bytes()
    user = machine.user()
    first = user.complete(user.upload(data=data)).json["video"]["id"]
    for _ in range(VIDEOS - 1):
        assert user.complete(user.upload(data=data)).status == 201
    machine.relayed()
    processor = machine.processor("--on-demand", REELGATE_PROCESSOR_SLOTS="2")
    # Analyses of a video that has been analysed are cheap: with one that has
    # been, each loop finds something to do, however late it begins.
    ids = []
    while machine.video(first) != "completed":
        status, done = process(machine)
        assert (status, done["hasJob"]) == (200, True), done
        assert "error" not in done, done
        ids.append(done["jobId"])
    machine.sql(
        "INSERT INTO job_queue (type, payload, user_id, video_id, priority) "
        "SELECT type, payload, user_id, video_id, priority FROM job_queue, "
        f"generate_series(1, {JOBS - 2 * VIDEOS}) "
        f"WHERE type = 'ai_analysis' AND video_id = '{first}'")
    loops = [node("process-jobs.mjs", machine,
                  JOB_PROCESSOR_TOKEN=JOB_TOKEN) for _ in range(4)]
    printed = [Lines(loop) for loop in loops]
    wait_for("drained queue", lambda: machine.sql(
        "SELECT count(*) FROM job_queue WHERE status <> 'completed'")
        == [["0"]], 600)
    # The last answers may still be on their way.
    wait_for("word of each job", lambda: sum(
        len(p.seen) for p in printed) >= JOBS - len(ids))
    for loop, lines in zip(loops, printed):
        loop.terminate()
        lines.thread.join()
        err = loop.stderr.read()
        assert "Error" not in err, err
        assert lines.seen, "a loop had nothing to do"
        assert all(line.endswith(" done") for line in lines.seen), lines.seen
        ids += [line.split()[1] for line in lines.seen]
    assert len(ids) == len(set(ids)) == JOBS
    assert machine.sql("SELECT count(*), min(attempts), max(attempts) "
                       "FROM job_queue") == [[str(JOBS), "1", "1"]]
    assert set(ids) == {r[0] for r in machine.sql("SELECT id FROM job_queue")}
    assert processor.stop() == 0


def test_R8_answers_are_golden(machine):
    status, body = process(machine)
    assert (status, body) == (503, {"error": "No processor is running"})
    machine.processor("--on-demand")
    assert process(machine) == (200, {"message": "No jobs in queue",
                                      "hasJob": False})
    user = machine.user()
    done = user.complete(user.upload(data=b"no video at all")).json
    assert process(machine) == (200, {
        "hasJob": True, "jobId": done["jobs"]["processing"],
        "jobType": "process_video", "error": "unsupported_media"})
    assert process(machine)[1]["hasJob"] is False
    for token in ("", "x", JOB_TOKEN[:-1], JOB_TOKEN + "x", user.token):
        status, body = process(machine, token)
        assert status == 401 and set(body) == {"error", "message"}
        assert body["error"] == "Unauthorized"


def test_R8_without_a_token_every_call_is_401(own_stack):
    s = own_stack(JOB_PROCESSOR_TOKEN="")
    for headers in ({}, {"Authorization": "Bearer "},
                    {"Authorization": "Bearer x"},
                    {"Authorization": f"Bearer {JOB_TOKEN}"}):
        answer = request("POST", s.api + PATH, None, headers)
        assert answer.status == 401 and answer.json["error"] == "Unauthorized"
