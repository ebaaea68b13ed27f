"""A store restored from a backup, a database restored from a dump, and both:
every event becomes its jobs once, whatever the other side knows already."""
import shutil

import pytest

from stack import BUCKET
from test_faults import assert_each_once
from web import wait_for


def admin(stack, *words):
    done = stack.admin(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def backup(stack, tmp_path):
    admin(stack, "backup", str(tmp_path / "backup"))


def restore(stack, tmp_path):
    """The gateway is gone with all it had; the backup takes its place."""
    stack.kill()
    shutil.rmtree(stack.data)
    admin(stack, "restore", "--from", str(tmp_path / "backup"))
    admin(stack, "fsck", "--bytes")
    stack.start()


def uploads(user, n, data=b"12345"):
    return [user.upload(f"{i}.mp4", data) for i in range(n)]


def keys(*lists):
    return [upload["key"] for some in lists for upload in some]


def dump(stack, name):
    """A copy of the database as it is; nobody may be connected."""
    stack.stop()
    stack.postgres.sql("postgres", f"CREATE DATABASE {name} "
                                   f"TEMPLATE {stack.database}")
    stack.start()


def load(stack, name):
    stack.postgres.sql("postgres", f"DROP DATABASE {stack.database}")
    stack.postgres.sql("postgres", f"ALTER DATABASE {name} "
                                   f"RENAME TO {stack.database}")


def test_restored_store_goes_on_where_the_database_is(own_stack, tmp_path):
    """The database knows more than the backup: nothing comes twice, and what
    is new is delivered."""
    stack = own_stack()
    user = stack.user()
    before = uploads(user, 5)
    stack.relayed()
    backup(stack, tmp_path)
    lost = uploads(user, 4)
    stack.relayed()
    restore(stack, tmp_path)
    stack.relayed()
    assert_each_once(stack, keys(before, lost))
    after = uploads(user, 3)
    stack.relayed()
    assert_each_once(stack, keys(before, lost, after))
    # the record of a restored object is that of its event: nothing new
    assert user.complete(before[0]).status == 201
    assert user.complete(after[0]).status == 201
    assert_each_once(stack, keys(before, lost, after))
    assert "relay_stopped" not in stack.log()


def test_events_of_the_backup_that_were_not_delivered_come_once(
        own_stack, own_postgres, tmp_path):
    stack = own_stack(own_postgres)
    user = stack.user()
    before = uploads(user, 2)
    stack.relayed()
    signed = [user.upload_url(f"{i}.mp4", 5) for i in range(6)]
    completed = signed[0]
    for upload in signed[:3]:
        assert user.put(upload, b"12345").status == 200
    own_postgres.stop()
    for upload in signed[3:5]:
        assert user.put(upload, b"12345").status == 200
    wait_for("waiting relay",
             lambda: stack.ready()["relay"]["state"] == "waiting")
    backup(stack, tmp_path)
    assert user.put(signed[5], b"12345").status == 200  # lost with the store
    restore(stack, tmp_path)
    own_postgres.start()
    stack.relayed()
    assert_each_once(stack, keys(before, signed[:5]))
    # names the same content as its event did, which an earlier epoch has
    for upload in (completed, signed[4]):
        assert user.complete(upload).status == 201
    assert_each_once(stack, keys(before, signed[:5]))
    assert stack.sql("SELECT count(*) FROM object_events o JOIN object_events "
                     "p USING (event_id) WHERE o.epoch <> p.epoch") == [["0"]]


def test_database_restored_to_an_older_state_is_brought_up(
        own_stack, own_postgres):
    """The cursor is below what the store had acknowledged; events are kept."""
    stack = own_stack(own_postgres)
    user = stack.user()
    before = uploads(user, 3)
    stack.relayed()
    dump(stack, "earlier")
    after = uploads(user, 4)
    stack.relayed()
    stack.stop()
    load(stack, "earlier")
    stack.start()
    stack.relayed()
    assert_each_once(stack, keys(before, after))


def test_store_and_database_restored_to_different_states(
        own_stack, own_postgres, tmp_path):
    """The dump is older than the backup: what lies between is delivered once,
    under the epoch it was written in."""
    stack = own_stack(own_postgres)
    user = stack.user()
    first = uploads(user, 2)
    stack.relayed()
    dump(stack, "earlier")
    second = uploads(user, 3)
    stack.relayed()
    backup(stack, tmp_path)
    uploads(user, 2)
    stack.relayed()
    stack.stop()
    load(stack, "earlier")
    restore(stack, tmp_path)
    stack.relayed()
    third = uploads(user, 2)
    stack.relayed()
    assert_each_once(stack, keys(first, second, third))
    epochs = stack.sql("SELECT count(*) FROM object_events GROUP BY epoch")
    assert len(epochs) == 2


def test_copy_put_back_by_hand_needs_a_new_epoch_and_loses_nothing(
        own_stack, tmp_path):
    """The relay stops; what clients write until the new epoch is begun is
    delivered then, once."""
    stack = own_stack()
    user = stack.user()
    before = uploads(user, 3)
    stack.relayed()
    stack.stop()
    shutil.copytree(stack.data, tmp_path / "copy")
    stack.start()
    lost = uploads(user, 2)
    stack.relayed()
    stack.stop()
    shutil.rmtree(stack.data)
    shutil.copytree(tmp_path / "copy", stack.data)
    stack.start()
    meanwhile = uploads(user, 3)
    wait_for("stop", lambda: stack.ready()["relay"]["state"] == "stopped")
    assert "reelgate admin new-epoch" in stack.log()
    stack.stop()
    admin(stack, "new-epoch")
    stack.start()
    after = uploads(user, 1)
    stack.relayed()
    assert_each_once(stack, keys(before, lost, meanwhile, after))
    # and again: each past is passed over
    stack.stop()
    admin(stack, "new-epoch")
    stack.start()
    last = uploads(user, 1)
    stack.relayed()
    assert_each_once(stack, keys(before, lost, meanwhile, after, last))


@pytest.mark.local_store("brings objects back")
def test_restored_twice(own_stack, tmp_path):
    stack = own_stack()
    user = stack.user()
    before = uploads(user, 2)
    stack.relayed()
    backup(stack, tmp_path)
    restore(stack, tmp_path)
    lost = uploads(user, 2)
    stack.relayed()
    restore(stack, tmp_path)
    after = uploads(user, 2)
    stack.relayed()
    assert_each_once(stack, keys(before, lost, after))
    listed = stack.client().list_objects_v2(Bucket=BUCKET, Prefix="uploads/")
    assert sorted(o["Key"] for o in listed["Contents"]) == sorted(
        keys(before, after))
