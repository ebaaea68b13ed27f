"""R26: the three monitoring statements run unchanged."""
import pytest

from machine import Machine, ffmpeg

PENDING = """
-- Check pending jobs
SELECT type, COUNT(*) FROM job_queue WHERE status = 'pending' GROUP BY type;
"""
FAILED = """
-- Check failed jobs
SELECT * FROM job_queue WHERE status = 'failed' ORDER BY created_at DESC;
"""
TIMES = """
-- Check processing times
SELECT 
  type, 
  AVG(EXTRACT(EPOCH FROM (completed_at - started_at))) as avg_duration_seconds
FROM job_queue 
WHERE status = 'completed' 
GROUP BY type;
"""
COLUMNS = {"id", "type", "payload", "status", "priority", "attempts",
           "max_attempts", "error", "created_at", "started_at",
           "completed_at"}


@pytest.fixture(scope="module")
def worked(postgres, tmp_path_factory):
    """One video done, one that is none, one nobody has looked at yet."""
    video = ffmpeg(tmp_path_factory.mktemp("video") / "v.mp4", "-f", "lavfi",
                   "-i", "testsrc2=size=64x64:rate=10:duration=1").read_bytes()
    m = Machine(postgres)
    processor = m.processor()
    m.wait_video(m.upload(video), "completed")
    m.wait_video(m.upload(b"this is no video"), "failed")
    processor.stop()
    m.upload(video)
    yield m
    m.close()


def test_R26_pending_jobs_are_counted_by_type(worked):
    assert {r["type"]: r["count"] for r in worked.rows(PENDING)} == {
        "process_video": "1", "ai_analysis": "1"}


def test_R26_failed_jobs_come_newest_first_with_their_error(worked):
    rows = worked.rows(FAILED)
    assert "process_video" in {r["type"] for r in rows}
    for row in rows:
        assert COLUMNS <= set(row)
        assert row["status"] == "failed" and row["error"]
    created = [r["created_at"] for r in rows]
    assert created == sorted(created, reverse=True)


def test_R26_processing_times_are_averages_of_what_ran(worked):
    times = {r["type"]: float(r["avg_duration_seconds"])
             for r in worked.rows(TIMES)}
    assert set(times) == {"process_video", "ai_analysis"}
    for seconds in times.values():
        assert 0 < seconds < 60
