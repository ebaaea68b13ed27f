"""Judges the end of the chaos test. Each check speaks of one promise and
yields what breaks it; together they say: what was acknowledged is there once,
with all of its effects, each of them once, and nothing else is there.

A content is one write of one key: one ObjectCreated event below uploads/."""

import collections
import hashlib

from gateway import DEFAULT_BUCKET as BUCKET

KINDS = ("process_video", "ai_analysis")
CHANGED = ("overwritten", "deleted")  # ways in which contents have an end

# What a run may have failed of: the blows, not the product. A killed media
# worker looks like one out of memory. The rest is what the contents are or
# what their client did.
BLOWS = {"lease expired", "worker_limits", "store_unavailable", "database"}
NOT_TAKEN = {"webhook_http_503", "webhook_no_answer"}  # by the receiver
REFUSED = "unsupported_media"
ENDED = {"object removed", "object replaced", "cancelled", "object_missing"}


def content_hash(event, cursor):
    """The name of a content (queue/schema, content_hash()). The store has
    one epoch here, hence one cursor."""
    return hashlib.sha256(b"\0".join(x.encode() for x in (
        cursor["deployment"], cursor["epoch"], event.bucket, event.key,
        event.version, f"{event.seq:016x}"))).hexdigest()


class View:
    """The state by what its parts have in common."""

    def __init__(self, s):
        self.state = s
        self.ledger = {u.key: u for u in s.uploads}
        self.contents = collections.defaultdict(list)  # key: names, in order
        self.last = {}                                 # key: event
        for e in s.outbox:
            if e.bucket != BUCKET:
                continue
            self.last[e.key] = e
            if e.name.startswith("ObjectCreated:") and \
                    e.key.startswith("uploads/"):
                self.contents[e.key].append(content_hash(e, s.cursors[0]))
        self.video = {v["s3_key"]: v for v in s.videos}
        self.jobs = collections.defaultdict(list)      # dedupe key: jobs
        for j in s.jobs:
            self.jobs[j["dedupe_key"]].append(j)

    def way(self, key):
        return self.ledger[key].way if key in self.ledger else "by_form"

    def changed(self, key):
        return self.way(key) in CHANGED

    def present(self, key, kind):
        """The job of this kind for what the key's video speaks of."""
        jobs = self.jobs[f"{kind}:{self.contents[key][-1]}"]
        return jobs[0] if jobs else None


def objects(v):
    """What was acknowledged is there, byte by byte; what else is there was
    sent in a form whose answer was lost, each at most once."""
    s = v.state
    for key, u in v.ledger.items():
        if u.deleted and key in s.objects:
            yield f"{key}: deleted and there"
        if not u.deleted and u.bodies and s.objects.get(key) != u.bodies[-1]:
            yield f"{key}: lost, or of other bytes"
    others = collections.Counter(
        body for key, body in s.objects.items() if key not in v.ledger)
    for body, n in others.items():
        if n > 1 or body not in s.unanswered:
            yield f"{n} objects that nobody sent: {body[-32:].hex()}"


def outbox_tells(v):
    """Of the events of a key the last one says whether it is there; there are
    as many as writes were acknowledged, or were without an answer."""
    s = v.state
    there = {key for key, e in v.last.items()
             if e.name.startswith("ObjectCreated:")}
    have = set(s.objects) | set(s.derived)
    for key in there ^ have:
        yield f"{key}: " + ("no event" if key in have else "no object")
    for key, u in v.ledger.items():
        n = len(v.contents[key])
        if not len(u.bodies) <= n <= max(u.tries, len(u.bodies)):
            yield f"{key}: {n} events of {len(u.bodies)} writes in " \
                f"{u.tries} tries"


def events(v):
    """The database has each event of the outbox, once and in full, and the
    cursor stands behind the last."""
    s = v.state
    want = [(e.seq, e.id, e.name, e.bucket, e.key) for e in s.outbox]
    have = [(int(e["seq"]), e["event_id"], e["event_name"], e["bucket"],
             e["key"]) for e in s.events]
    for seq in sorted({x[0] for x in set(want) ^ set(have)}):
        yield f"event {seq}: lost, invented or changed"
    if len(have) != len(set(have)):
        yield "an event twice"
    for e in s.events:
        if e["error"]:
            yield f"event {e['seq']} was put aside: {e['error']}"
    last = [(c["last_seq"], c["last_event_id"]) for c in s.cursors]
    if want and last != [(str(want[-1][0]), want[-1][1])]:
        yield f"the cursor is at {last}, the outbox at {want[-1][:2]}"


def videos(v):
    """One for each key that ever had an object, of its last content."""
    s = v.state
    for key, n in collections.Counter(x["s3_key"] for x in s.videos).items():
        if n > 1:
            yield f"{key}: {n} videos"
    for key in {x["s3_key"] for x in s.videos} ^ \
            {k for k, c in v.contents.items() if c}:
        yield f"{key}: a video without an object, or the reverse"
    for key, u in v.ledger.items():
        if u.video and v.video.get(key, {}).get("id") != u.video:
            yield f"{key}: another video than was answered"
    for x in s.videos:
        contents = v.contents[x["s3_key"]]
        if contents and x["content"] != contents[-1]:
            yield f"{x['s3_key']}: not of its last content"


def jobs(v):
    """One of each kind for the content a key has; for those before it one of
    each or, where it was replaced too soon, none. No others."""
    known = set()
    for key, contents in v.contents.items():
        for i, content in enumerate(contents):
            names = [f"{kind}:{content}" for kind in KINDS]
            known.update(names)
            counts = [len(v.jobs[name]) for name in names]
            if counts != [1, 1] and (i == len(contents) - 1 or
                                     counts != [0, 0]):
                yield f"{key}, content {i}: jobs {counts}"
    for j in v.state.jobs:
        if j["type"] in KINDS and j["dedupe_key"] not in known:
            yield f"{j['type']} {j['id']}: of no content"
    ids = {j["id"] for j in v.state.jobs}
    for key, u in v.ledger.items():
        if not u.jobs <= ids:
            yield f"{key}: other jobs than were answered"


def ends(v):
    """Everything has come to its end: completed; failed where the content is
    no video; ended early where it was taken away."""
    for j in v.state.jobs:
        if j["live"] == "t":
            yield f"{j['type']} {j['id']}: {j['status']}"
    for key in v.contents:
        x = v.video.get(key)
        states = [(j["status"], j["error"]) for kind in KINDS
                  if (j := v.present(key, kind))]
        if not x or not states:
            continue
        states.append((x["analysis_status"], x["error"]))
        if v.way(key) == "no_video":
            good = set(states) == {("failed", REFUSED)}
        elif v.way(key) == "deleted":
            good = all(error in ENDED | {""} for _, error in states)
        else:
            good = set(states) == {("completed", "")}
        if not good:
            yield f"{key}: {states}"


def attempts(v):
    """Every run of a job is accounted for: it completed the job or left its
    error, and that was a blow's. Ends without a run leave an error too."""
    for j in v.state.jobs:
        reasons = [e["error"] for e in j["errors"]]
        runs = len(reasons) + (j["status"] == "completed")
        without = j["status"] == "cancelled"
        if not runs - without <= j["attempts"] <= runs:
            yield f"{j['type']} {j['id']}: {j['attempts']} attempts, " \
                f"{j['status']}, {reasons}"
        early = reasons[:-1] if j["error"] else reasons
        key = (j["payload"] or {}).get("s3Key", "")
        hook = j["type"] == "webhook_deliver"
        for why in set(early) - BLOWS - (NOT_TAKEN if hook else set()):
            if not (v.changed(key) and why in ENDED):
                yield f"{j['type']} {j['id']}: a run failed of {why}"


def named(job):
    """The objects that a result of process_video speaks of."""
    r = job["result"]
    return {r["poster"], r["analysis"], *(f["key"] for f in r["files"]),
            *(t["key"] for t in r["thumbnails"])}


def derived(v):
    """What results name is there; where a content was never replaced nothing
    else is, and the video shows it."""
    s = v.state
    made = collections.defaultdict(set)  # video: keys
    for j in s.jobs:
        if j["type"] == "process_video" and j["status"] == "completed":
            made[j["video_id"]] |= named(j)
    for c in s.clips:
        made[c["video_id"]] |= {c["s3_key"], c["thumbnail_key"]} - {""}
    for video, keys in made.items():
        for key in sorted(keys - set(s.derived)):
            yield f"{key}: missing"
    for key in s.derived:
        if s.derived[key] == 0:
            yield f"{key}: empty"
    for x in s.videos:
        own = {k for k in s.derived if k.startswith(f"derived/{x['id']}/")}
        if not v.changed(x["s3_key"]) and own != made[x["id"]]:
            yield f"{x['s3_key']}: {sorted(own - made[x['id']])} is nobody's"
        job = v.present(x["s3_key"], "process_video")
        if job and job["status"] == "completed" and (
                x["thumbnail_key"] != job["result"]["poster"] or
                x["analysis_key"] not in named(job)):
            yield f"{x['s3_key']}: shows other pictures than its job made"
    strange = {k for k in s.derived
               if k.split("/")[1] not in {x["id"] for x in s.videos}}
    for key in strange:
        yield f"{key}: of no video"


def analyses(v):
    """What ai_analysis found was written once."""
    for x in v.state.videos:
        job = v.present(x["s3_key"], "ai_analysis")
        if job and job["status"] == "completed":
            want = [job["result"]["segments"], job["result"]["hooks"]]
            if v.state.parts[x["id"]] != want:
                yield f"{x['s3_key']}: {v.state.parts[x['id']]} segments " \
                    f"and hooks instead of {want}"


def clips(v):
    """Each answered clip once, each other try at most once; all of them cut
    by one completed job each."""
    s = v.state
    have = collections.Counter((c["video_id"], c["title"]) for c in s.clips)
    asked = {(u.video, title): known for u in s.uploads
             for title, known in u.clips.items()}
    for what in set(have) | set(asked):
        if what not in asked or not asked[what] <= have[what] <= 1:
            yield f"clip {what}: {have[what]} times"
    cutting = [j for j in s.jobs if j["type"] == "generate_clips"]
    if sorted(c["job_id"] for c in s.clips) != sorted(
            j["id"] for j in cutting):
        yield f"{len(cutting)} jobs for {len(s.clips)} clips"
    for j in cutting:
        if j["status"] != "completed":
            yield f"generate_clips {j['id']}: {j['status']} {j['error']}"
    for c in s.clips:
        if c["status"] != "ready" or not c["s3_key"]:
            yield f"clip {c['id']}: {c['status']} {c['error']}"


def messages(v):
    """The end of a video or a clip is told by one message, which is signed,
    was taken, and said the same at each try. A key's contents may each have
    an end, and its object's removal is one."""
    s = v.state
    sent = {f"msg_{j['id']}": j for j in s.jobs
            if j["type"] == "webhook_deliver"}
    for ident, j in sent.items():
        if j["status"] != "completed" or ident not in s.taken:
            yield f"{ident}: {j['status']} {j['error']}, not taken"
    for ident, message in s.told:
        if ident not in sent or message != sent[ident]["payload"]["message"]:
            yield f"{ident}: another message than was sent"
    for ident in s.unsigned:
        yield f"{ident}: not signed"
    ends = collections.defaultdict(list)  # video or clip: types
    for j in sent.values():
        data = j["payload"]["message"]["data"]
        ends[data.get("clipId") or data["videoId"]].append(
            j["payload"]["message"]["type"])
    for c in s.clips:
        if ends.pop(c["id"], None) != ["clip.ready"]:
            yield f"clip {c['id']}: its end was not told once"
    for x in s.videos:
        key, told = x["s3_key"], ends.pop(x["id"], [])
        last = f"video.{x['analysis_status']}"
        if told != [last] and not (
                v.way(key) == "deleted" and len(told) <= 2 or
                v.changed(key) and last in told and
                len(told) <= len(v.contents[key])):
            yield f"{key}: {x['analysis_status']}, told {told}"
    for what, told in ends.items():
        yield f"{what}: {told}, and not there"


def intents(v):
    """An upload that came is no longer counted as announced."""
    for row in v.state.intents:
        if v.contents[row["key"]]:
            yield f"{row['key']}: its intent is still open"


def left(v):
    """No work directory, descriptor or process of a run, no error logged."""
    yield from v.state.left
    yield from v.state.errors


CHECKS = (objects, outbox_tells, events, videos, jobs, ends, attempts,
          derived, analyses, clips, messages, intents, left)


def faults(state):
    """[(name of the check, what is wrong)]"""
    view = View(state)
    return [(check.__name__, what) for check in CHECKS for what in check(view)]
