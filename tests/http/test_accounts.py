"""Accounts: what is one's own, and nobody else's."""

import botocore
import botocore.config
import boto3
import pytest
from botocore.exceptions import ClientError

from gateway import REGION, account_number

NAMES = {"alice": "Alice & Co", "bob": "Bob"}


class Account:
    def __init__(self, gateway, made):
        self.gateway, self.made = gateway, made
        self.id, self.number = made["id"], made["account number"]
        self.s3 = self.client()

    def client(self, **options):
        options.setdefault("access_key", self.made["access key"])
        options.setdefault("secret_key", self.made["secret key"])
        return self.gateway.client(**options)


@pytest.fixture(scope="module")
def server():
    from gateway import Gateway
    g = Gateway().start()
    yield g
    g.close()


@pytest.fixture(scope="module")
def accounts(server):
    """alice and bob; alice has a bucket with an object, bob one of his."""
    made = {name: Account(server, server.add("user", "add", name,
                                             "--display-name", display))
            for name, display in NAMES.items()}
    for name, account in made.items():
        account.s3.create_bucket(Bucket=f"{name}s")
        account.s3.put_object(Bucket=f"{name}s", Key="k", Body=b"data")
    return made


@pytest.fixture
def alice(accounts):
    return accounts["alice"]


@pytest.fixture
def bob(accounts):
    return accounts["bob"]


@pytest.fixture(scope="module")
def root(server):
    return server.client()


@pytest.fixture(scope="module")
def nobody(server):
    return boto3.client(
        "s3", endpoint_url=server.url, region_name=REGION,
        config=botocore.config.Config(
            signature_version=botocore.UNSIGNED, retries={"max_attempts": 0},
            s3={"addressing_style": "path"}))


def failure(call, **options):
    """Status and code; of a HEAD the status alone."""
    with pytest.raises(ClientError) as e:
        call(**options)
    r = e.value.response
    status, code = r["ResponseMetadata"]["HTTPStatusCode"], r["Error"]["Code"]
    return (status, code) if code != str(status) else status


def status(call, **options):
    """(200, "") or what failure() says."""
    try:
        call(**options)
    except ClientError as e:
        r = e.response
        return r["ResponseMetadata"]["HTTPStatusCode"], r["Error"]["Code"]
    return 200, ""


# ---- every operation on somebody else's bucket --------------------------------

ENABLED = {"Status": "Enabled"}
RULE = {"Rules": [{"Status": "Enabled", "Filter": {"Prefix": ""}, "ID": "r",
                   "Expiration": {"Days": 1}}]}
CORS = {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]}
TAGS = {"TagSet": [{"Key": "a", "Value": "b"}]}
SSE = {"Rules": [{"ApplyServerSideEncryptionByDefault":
                  {"SSEAlgorithm": "AES256"}}]}
UPLOAD = {"UploadId": "0" * 32}
SOURCE = {"CopySource": {"Bucket": "alices", "Key": "k"}}

BUCKET_OPERATIONS = {
    "get_bucket_location": {}, "get_bucket_versioning": {},
    "put_bucket_versioning": {"VersioningConfiguration": ENABLED},
    "get_bucket_acl": {}, "put_bucket_acl": {"ACL": "public-read"},
    "get_bucket_cors": {}, "put_bucket_cors": {"CORSConfiguration": CORS},
    "delete_bucket_cors": {},
    "get_bucket_tagging": {}, "put_bucket_tagging": {"Tagging": TAGS},
    "delete_bucket_tagging": {},
    "get_bucket_policy": {}, "put_bucket_policy": {"Policy": "{}"},
    "delete_bucket_policy": {}, "get_bucket_policy_status": {},
    "get_bucket_lifecycle_configuration": {},
    "put_bucket_lifecycle_configuration": {"LifecycleConfiguration": RULE},
    "delete_bucket_lifecycle": {},
    "get_bucket_website": {}, "put_bucket_website": {
        "WebsiteConfiguration": {"IndexDocument": {"Suffix": "i"}}},
    "delete_bucket_website": {},
    "get_bucket_encryption": {}, "put_bucket_encryption": {
        "ServerSideEncryptionConfiguration": SSE},
    "delete_bucket_encryption": {},
    "get_bucket_replication": {}, "delete_bucket_replication": {},
    "get_object_lock_configuration": {}, "get_public_access_block": {},
    "delete_public_access_block": {}, "get_bucket_ownership_controls": {},
    "delete_bucket_ownership_controls": {},
    "get_bucket_notification_configuration": {},
    "put_bucket_notification_configuration": {"NotificationConfiguration": {}},
    "get_bucket_logging": {}, "put_bucket_logging": {
        "BucketLoggingStatus": {}},
    "get_bucket_request_payment": {},
    "get_bucket_accelerate_configuration": {},
    "list_bucket_analytics_configurations": {},
    "list_bucket_metrics_configurations": {},
    "list_bucket_inventory_configurations": {},
    "list_objects": {}, "list_objects_v2": {}, "list_object_versions": {},
    "list_multipart_uploads": {},
    "delete_objects": {"Delete": {"Objects": [{"Key": "k"}]}},
    "delete_bucket": {}, "head_bucket": {},
}
OBJECT_OPERATIONS = {
    "put_object": {"Body": b"theirs"}, "get_object": {}, "head_object": {},
    "delete_object": {}, "copy_object": SOURCE,
    "get_object_attributes": {"ObjectAttributes": ["ETag"]},
    "get_object_tagging": {}, "put_object_tagging": {"Tagging": TAGS},
    "delete_object_tagging": {},
    "get_object_acl": {}, "put_object_acl": {"ACL": "public-read"},
    "get_object_legal_hold": {}, "get_object_retention": {},
    "get_object_torrent": {}, "restore_object": {},
    "create_multipart_upload": {},
    "upload_part": {"PartNumber": 1, "Body": b"p", **UPLOAD},
    "upload_part_copy": {"PartNumber": 1, **SOURCE, **UPLOAD},
    "complete_multipart_upload": {"MultipartUpload": {"Parts": [
        {"PartNumber": 1, "ETag": "0" * 32}]}, **UPLOAD},
    "abort_multipart_upload": UPLOAD, "list_parts": UPLOAD,
}
OPERATIONS = sorted(
    [(name, options) for name, options in BUCKET_OPERATIONS.items()] +
    [(name, {"Key": "k", **options})
     for name, options in OBJECT_OPERATIONS.items()], key=lambda row: row[0])
EACH_OPERATION = pytest.mark.parametrize(
    "name,options", OPERATIONS, ids=[name for name, _ in OPERATIONS])


def of(name, status, code):
    return status if name.startswith("head_") else (status, code)


@EACH_OPERATION
def test_bucket_of_another_account_is_closed(alice, bob, name, options):
    call = getattr(bob.s3, name)
    assert failure(call, Bucket="alices", **options) == of(
        name, 403, "AccessDenied")
    assert alice.s3.get_object(Bucket="alices", Key="k")["Body"].read() == \
        b"data"


@EACH_OPERATION
def test_root_is_an_account_like_the_others(alice, root, name, options):
    assert failure(getattr(root, name), Bucket="alices", **options) == of(
        name, 403, "AccessDenied")


@EACH_OPERATION
def test_anonymous_may_nothing(alice, nobody, name, options):
    assert failure(getattr(nobody, name), Bucket="alices", **options) == of(
        name, 403, "AccessDenied")


@EACH_OPERATION
def test_missing_bucket_is_told_to_everybody(bob, nobody, name, options):
    for s3 in (bob.s3, nobody):
        assert failure(getattr(s3, name), Bucket="not-there", **options) == \
            of(name, 404, "NoSuchBucket")


@EACH_OPERATION
def test_own_bucket_is_open(server, alice, name, options):
    """Whatever else may be wrong, it is not a matter of access."""
    bucket = f"own-{name.replace('_', '-')}"
    alice.s3.create_bucket(Bucket=bucket)
    alice.s3.put_object(Bucket=bucket, Key="k", Body=b"data")
    assert status(getattr(alice.s3, name), Bucket=bucket, **options)[0] != 403


@EACH_OPERATION
def test_expected_owner_is_an_account_number(alice, bob, name, options):
    call = getattr(alice.s3, name)
    if "ExpectedBucketOwner" not in alice.s3.meta.service_model.operation_model(
            alice.s3.meta.method_to_api_mapping[name]).input_shape.members:
        pytest.skip("the SDK sends none")
    for owner, expected in (
            (bob.number, (403, "AccessDenied")),
            ("000000000000", (403, "AccessDenied")),
            (alice.id, (400, "InvalidBucketOwnerAWSAccountID")),
            (alice.number[:11], (400, "InvalidBucketOwnerAWSAccountID")),
            ("x" * 12, (400, "InvalidBucketOwnerAWSAccountID"))):
        assert failure(call, Bucket="alices", ExpectedBucketOwner=owner,
                       **options) == of(name, *expected)


def test_right_expected_owner_changes_nothing(alice, bob):
    alice.s3.put_object(Bucket="alices", Key="expected", Body=b"x",
                        ExpectedBucketOwner=alice.number)
    alice.s3.head_bucket(Bucket="alices", ExpectedBucketOwner=alice.number)
    alice.s3.delete_object(Bucket="alices", Key="expected",
                           ExpectedBucketOwner=alice.number)
    # It opens nothing: the bucket is still another account's.
    assert failure(bob.s3.get_object, Bucket="alices", Key="k",
                   ExpectedBucketOwner=alice.number) == (403, "AccessDenied")


def test_wrong_expected_owner_says_what_was_sent(alice):
    with pytest.raises(ClientError) as e:
        alice.s3.list_objects_v2(Bucket="alices", ExpectedBucketOwner="me")
    assert e.value.response["Error"]["Message"] == (
        "The value of the expected bucket owner parameter must be an AWS "
        "Account ID... [me]")


def test_expected_owner_comes_after_the_bucket(bob):
    assert failure(bob.s3.list_objects_v2, Bucket="not-there",
                   ExpectedBucketOwner=bob.number) == (404, "NoSuchBucket")


# ---- buckets and names --------------------------------------------------------

def test_account_sees_its_own_buckets(alice, bob, root):
    def names(s3):
        return {b["Name"] for b in s3.list_buckets()["Buckets"]}
    assert "alices" in names(alice.s3) and "bobs" not in names(alice.s3)
    assert names(bob.s3) == {"bobs"}
    assert "socialitix-videos" in names(root)
    assert not names(root) & {"alices", "bobs"}


def test_anonymous_sees_no_buckets(nobody):
    assert failure(nobody.list_buckets) == (403, "AccessDenied")
    assert failure(nobody.create_bucket, Bucket="nobodys") == (
        403, "AccessDenied")


def test_name_of_another_accounts_bucket_is_taken(alice, bob, root):
    for s3 in (bob.s3, root):
        assert failure(s3.create_bucket, Bucket="alices") == (
            409, "BucketAlreadyExists")
    assert failure(alice.s3.create_bucket, Bucket="socialitix-videos") == (
        409, "BucketAlreadyExists")
    alice.s3.create_bucket(Bucket="alices")  # us-east-1: one's own is fine


def test_bucket_changes_hands_by_being_made_again(alice, bob):
    alice.s3.create_bucket(Bucket="handed-on")
    alice.s3.delete_bucket(Bucket="handed-on")
    bob.s3.create_bucket(Bucket="handed-on")
    assert failure(alice.s3.head_bucket, Bucket="handed-on") == 403
    bob.s3.delete_bucket(Bucket="handed-on")


def test_bucket_that_changes_hands_takes_no_late_upload(server, alice, bob):
    """The upload was admitted to a bucket that is bob's when it ends."""
    from sigv4 import Signer, head
    from wire import Wire
    made = alice.made
    signer = Signer(made["access key"], made["secret key"])
    alice.s3.create_bucket(Bucket="changing")
    for size in (10, 1 << 20):
        h = signer.headers("PUT", "/changing/k", f"127.0.0.1:{server.port}",
                           "UNSIGNED-PAYLOAD", extra={"Expect": "100-continue"})
        h["Content-Length"] = str(size)
        with Wire(server.port) as w:
            w.send(head("PUT", "/changing/k", h))
            assert w.read().status == 100
            alice.s3.delete_bucket(Bucket="changing")
            bob.s3.create_bucket(Bucket="changing")
            w.send(bytes(size))
            r = w.read()
        assert (r.status, r.code) == (404, "NoSuchBucket")
        assert bob.s3.list_objects_v2(Bucket="changing")["KeyCount"] == 0
        bob.s3.delete_bucket(Bucket="changing")
        alice.s3.create_bucket(Bucket="changing")


def test_head_bucket_tells_everybody_the_region(alice, bob, nobody):
    for s3, expected in ((alice.s3, 200), (bob.s3, 403), (nobody, 403)):
        try:
            answer = s3.head_bucket(Bucket="alices")
        except ClientError as e:
            answer = e.response
        meta = answer["ResponseMetadata"]
        assert meta["HTTPStatusCode"] == expected
        assert meta["HTTPHeaders"]["x-amz-bucket-region"] == REGION


def test_owner_is_the_buckets_account(alice):
    owner = {"ID": alice.id, "DisplayName": "Alice & Co"}
    assert alice.s3.list_buckets()["Owner"] == owner
    assert alice.s3.list_objects(Bucket="alices")["Contents"][0][
        "Owner"] == owner
    listed = alice.s3.list_objects_v2(Bucket="alices", FetchOwner=True)
    assert listed["Contents"][0]["Owner"] == owner
    for acl in (alice.s3.get_bucket_acl(Bucket="alices"),
                alice.s3.get_object_acl(Bucket="alices", Key="k")):
        assert acl["Owner"] == owner
        assert len(acl["Grants"]) == 1
        grantee = acl["Grants"][0]["Grantee"]
        assert (grantee["ID"], grantee["DisplayName"]) == tuple(
            owner.values())


def test_ids(alice, bob, root):
    ids = {alice.id, bob.id, root.list_buckets()["Owner"]["ID"]}
    assert len(ids) == 3
    for account_id in ids:
        assert len(account_id) == 64 and int(account_id, 16) >= 0
    assert alice.number == account_number(alice.id)


# ---- signatures -----------------------------------------------------------------

def test_signature_of_another_accounts_secret_is_refused(alice, bob):
    mixed = alice.client(secret_key=bob.made["secret key"])
    assert failure(mixed.list_buckets) == (403, "SignatureDoesNotMatch")


def test_presigned_urls_are_their_signers(server, alice, bob):
    from web import request

    def get(account, bucket):
        url = account.s3.generate_presigned_url(
            "get_object", Params={"Bucket": bucket, "Key": "k"})
        return request("GET", url)
    assert get(alice, "alices").body == b"data"
    refused = get(bob, "alices")
    assert refused.status == 403
    assert b"<Code>AccessDenied</Code>" in refused.body


def test_uploads_go_to_ones_own_bucket(alice, bob):
    from web import request

    def put(account, bucket):
        url = account.s3.generate_presigned_url(
            "put_object", Params={"Bucket": bucket, "Key": "up"})
        return request("PUT", url, body=b"x" * 100000).status
    assert put(alice, "alices") == 200
    assert put(bob, "alices") == 403
    alice.s3.delete_object(Bucket="alices", Key="up")


def signed_form(server, account, bucket):
    import form
    from sigv4 import Signer
    signer = account and Signer(account.made["access key"],
                                account.made["secret key"])
    fields = form.sign_fields(bucket, {"key": "form"}, signer=signer) \
        if signer else {"key": "form"}
    return form.send(server.port, bucket, form.body(fields, b"of a form"))


def test_forms_are_their_signers(server, alice, bob):
    assert signed_form(server, alice, "alices").status == 204
    for account in (bob, None):
        r = signed_form(server, account, "alices")
        assert (r.status, r.code) == (403, "AccessDenied")
        r = signed_form(server, account, "not-there")
        assert (r.status, r.code) == (404, "NoSuchBucket")
    assert alice.s3.get_object(Bucket="alices", Key="form")["Body"].read() \
        == b"of a form"
    alice.s3.delete_object(Bucket="alices", Key="form")


def part_of(account, bucket, source, **options):
    upload = account.s3.create_multipart_upload(Bucket=bucket, Key="copy")
    try:
        return account.s3.upload_part_copy(
            Bucket=bucket, Key="copy", PartNumber=1, CopySource=source,
            UploadId=upload["UploadId"], **options)
    finally:
        account.s3.abort_multipart_upload(Bucket=bucket, Key="copy",
                                          UploadId=upload["UploadId"])


def copy_of(account, bucket, source, **options):
    return account.s3.copy_object(Bucket=bucket, Key="copy",
                                  CopySource=source, **options)


COPIES = pytest.mark.parametrize("copy", [copy_of, part_of])


@COPIES
def test_source_of_a_copy_is_ones_own(alice, bob, copy):
    own, other = ({"Bucket": f"{name}s", "Key": "k"}
                  for name in ("bob", "alice"))
    copy(bob, "bobs", own)
    for source, expected in (
            (other, (403, "AccessDenied")),
            ({**other, "Key": "not-there"}, (403, "AccessDenied")),
            ({**own, "Key": "not-there"}, (404, "NoSuchKey")),
            ({"Bucket": "not-there", "Key": "k"}, (404, "NoSuchBucket"))):
        assert failure(copy, account=bob, bucket="bobs",
                       source=source) == expected
    assert failure(copy, account=bob, bucket="alices", source=own) == (
        403, "AccessDenied")


@COPIES
def test_missing_source_bucket_is_named(bob, copy):
    with pytest.raises(ClientError) as e:
        copy(bob, "bobs", {"Bucket": "not-there", "Key": "k"})
    assert e.value.response["Error"]["BucketName"] == "not-there"


@COPIES
def test_expected_owner_of_a_source(alice, bob, copy):
    source = {"Bucket": "bobs", "Key": "k"}
    copy(bob, "bobs", source, ExpectedSourceBucketOwner=bob.number,
         ExpectedBucketOwner=bob.number)
    for owner, expected in (
            (alice.number, (403, "AccessDenied")),
            (bob.id, (400, "InvalidBucketOwnerAWSAccountID"))):
        assert failure(copy, account=bob, bucket="bobs", source=source,
                       ExpectedSourceBucketOwner=owner) == expected


def test_uploads_have_their_accounts_name(alice):
    upload = alice.s3.create_multipart_upload(Bucket="alices", Key="parts")
    me = {"ID": alice.id, "DisplayName": "Alice & Co"}
    listed = alice.s3.list_multipart_uploads(Bucket="alices")["Uploads"][0]
    assert (listed["Owner"], listed["Initiator"]) == (me, me)
    parts = alice.s3.list_parts(Bucket="alices", Key="parts",
                                UploadId=upload["UploadId"])
    assert (parts["Owner"], parts["Initiator"]) == (me, me)
    alice.s3.abort_multipart_upload(Bucket="alices", Key="parts",
                                    UploadId=upload["UploadId"])


# ---- keys come and go -------------------------------------------------------------

def test_keys_are_rotated_at_once(server):
    old = server.add("user", "add", "rotating")
    user = Account(server, old)
    user.s3.create_bucket(Bucket="rotating")
    user.s3.put_object(Bucket="rotating", Key="k", Body=b"data")
    url = user.s3.generate_presigned_url(
        "get_object", Params={"Bucket": "rotating", "Key": "k"})
    new = Account(server, server.add("key", "add", "rotating"))
    assert new.id == user.id and new.made["access key"] != old["access key"]
    for s3 in (user.s3, new.s3):
        assert s3.get_object(Bucket="rotating", Key="k")["Body"].read() == \
            b"data"
    done = server.admin("key", "remove", "rotating", old["access key"])
    assert done.returncode == 0
    assert failure(user.s3.list_buckets) == (403, "InvalidAccessKeyId")
    from web import request
    refused = request("GET", url)
    assert refused.status == 403
    assert b"<Code>InvalidAccessKeyId</Code>" in refused.body
    assert new.s3.head_object(Bucket="rotating", Key="k")
    # The same access key with another secret: the old secret stays refused.
    server.add("key", "add", "rotating", "--access-key", old["access key"],
               "--secret-key", "another secret")
    assert failure(user.s3.list_buckets) == (403, "SignatureDoesNotMatch")
    assert user.client(secret_key="another secret").list_buckets()


def test_removed_user_is_nobody(server):
    made = server.add("user", "add", "leaving")
    user = Account(server, made)
    user.s3.create_bucket(Bucket="leaving-1")
    user.s3.create_bucket(Bucket="leaving-2")
    refused = server.admin("user", "remove", "leaving")
    assert refused.returncode == 1
    assert refused.stderr == (
        'reelgate: "leaving" owns 2 buckets (leaving-1, leaving-2): delete '
        'them first\n')
    assert user.s3.list_buckets()["Buckets"]
    for n in (1, 2):
        user.s3.delete_bucket(Bucket=f"leaving-{n}")
    assert server.admin("user", "remove", "leaving").returncode == 0
    assert failure(user.s3.list_buckets) == (403, "InvalidAccessKeyId")
    assert failure(user.s3.create_bucket, Bucket="leaving-3") == (
        403, "InvalidAccessKeyId")


# ---- what stays -----------------------------------------------------------------

def test_accounts_survive_restart_and_leave_no_secret(own_gateway):
    g = own_gateway()
    made = [g.add("user", "add", "alice"),
            g.add("user", "add", "bob", "--id", "123456789012",
                  "--access-key", "BOBS.KEY", "--secret-key", "-",
                  stdin="from standard input\n")]
    assert "secret key" not in made[1]
    made[1]["secret key"] = "from standard input"
    users = [Account(g, m) for m in made]
    for m, user in zip(made, users):
        user.s3.create_bucket(Bucket=f"of-{m['name']}")
    g.kill()
    g.start()
    for m in made:
        user = Account(g, m)
        user.s3.head_bucket(Bucket=f"of-{m['name']}")
        assert user.s3.list_buckets()["Owner"]["ID"] == m["id"]
    assert users[1].number == "123456789012"
    listing = g.admin("user", "list").stdout + g.admin("key", "list",
                                                       "alice").stdout
    texts = {"log": g.log(), "listing": listing}
    for path in g.data.rglob("*"):
        if path.is_file():
            texts[path] = path.read_bytes().decode("latin-1")
    for m in made:
        for where, text in texts.items():
            assert m["secret key"] not in text, where
    mode = (g.data / "accounts").stat().st_mode
    assert mode & 0o777 == 0o600


def refused_start(g):
    with pytest.raises(RuntimeError) as e:
        g.start()
    assert g.process.returncode == 78
    return str(e.value)


def test_start_with_another_master_key_is_refused(own_gateway):
    g = own_gateway({"REELGATE_MASTER_KEY": "a" * 32})
    made = g.add("user", "add", "alice")
    g.stop()
    g.settings["REELGATE_MASTER_KEY"] = "b" * 32
    assert "under another master key: restore" in refused_start(g)
    g.settings["REELGATE_MASTER_KEY"] = "a" * 32
    g.start()
    assert Account(g, made).s3.list_buckets()["Owner"]["ID"] == made["id"]


def test_start_with_a_damaged_file_is_refused(own_gateway):
    g = own_gateway()
    g.add("user", "add", "alice")
    g.stop()
    path = g.data / "accounts"
    text = path.read_text()
    path.write_text(text.replace('"alice"', '"malory"'))
    assert "accounts is damaged: restore it from a backup" in refused_start(g)
    path.unlink()
    g.start()
    assert "alice" not in g.admin("user", "list").stdout


def test_old_data_directory_gets_a_master_key(own_gateway):
    g = own_gateway()
    g.stop()
    path = g.data / "credentials"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines
                            if not line.startswith("REELGATE_MASTER_KEY")))
    g.start()
    new = path.read_text()
    assert new.startswith("".join(lines[:7]))
    assert len(new.split("REELGATE_MASTER_KEY=")[1].strip()) == 43
    assert path.stat().st_mode & 0o777 == 0o600
    made = g.add("user", "add", "alice")
    g.stop()
    g.start()
    assert Account(g, made).s3.list_buckets()["Owner"]["ID"] == made["id"]


# ---- one region -------------------------------------------------------------------

@pytest.fixture(scope="module")
def strict():
    from gateway import Gateway
    g = Gateway({"REELGATE_STRICT_REGION": "true",
                 "AWS_REGION": "eu-west-1"}).start()
    yield g
    g.close()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_strict_region_refuses_other_signatures(strict, method):
    from sigv4 import Signer, head
    from wire import Wire
    path, host = "/socialitix-videos", f"127.0.0.1:{strict.port}"
    with Wire(strict.port) as w:
        w.send(head(method, path, Signer(region="eu-west-1").headers(
            method, path, host)))
        assert w.read(method == "HEAD").status == 200
        w.send(head(method, path, Signer(region="us-east-1").headers(
            method, path, host)))
        r = w.read(method == "HEAD")
    assert r.status == 400
    assert r.headers["x-amz-bucket-region"] == "eu-west-1"
    if method == "GET":
        assert (r.code, r.element("Region")) == (
            "AuthorizationHeaderMalformed", "eu-west-1")
        assert r.message == (
            "The authorization header is malformed; the region 'us-east-1' "
            "is wrong; expecting 'eu-west-1'")


def test_strict_region_is_found_by_an_sdk(strict):
    """It reads the region from the refusal and signs again."""
    s3 = strict.client(region="us-east-1")
    assert s3.list_objects_v2(Bucket="socialitix-videos")["KeyCount"] == 0


def test_strict_region_refuses_other_presigned_urls(strict):
    from web import request
    for region, expected in (("eu-west-1", 404), ("us-east-1", 400)):
        url = strict.client(region=region).generate_presigned_url(
            "get_object", Params={"Bucket": "socialitix-videos", "Key": "k"})
        r = request("GET", url)
        assert r.status == expected
    assert b"<Code>AuthorizationQueryParametersError</Code>" in r.body
    assert b"<Region>eu-west-1</Region>" in r.body


def test_strict_region_refuses_other_forms(strict):
    import form
    from sigv4 import Signer
    bucket = "socialitix-videos"
    for region, status in (("eu-west-1", 204), ("us-east-1", 400)):
        r = form.send(strict.port, bucket, form.body(form.sign_fields(
            bucket, {"key": "f"}, signer=Signer(region=region))))
        assert r.status == status
    assert r.element("Region") == "eu-west-1"
    strict.client(region="eu-west-1").delete_object(Bucket=bucket, Key="f")


@pytest.mark.parametrize("location,message", [
    ("eu-central-1", "The eu-central-1 location constraint is incompatible"),
    (None, "The unspecified location constraint is incompatible")])
def test_strict_region_refuses_buckets_elsewhere(strict, location, message):
    s3 = strict.client(region="eu-west-1")
    options = {"CreateBucketConfiguration":
               {"LocationConstraint": location}} if location else {}
    with pytest.raises(ClientError) as e:
        s3.create_bucket(Bucket="elsewhere", **options)
    error = e.value.response["Error"]
    assert error["Code"] == "IllegalLocationConstraintException"
    assert error["Message"].startswith(message)
    assert failure(s3.head_bucket, Bucket="elsewhere") == 404


def test_strict_region_takes_its_own(strict):
    s3 = strict.client(region="eu-west-1")
    s3.create_bucket(Bucket="at-home", CreateBucketConfiguration={
        "LocationConstraint": "eu-west-1"})
    assert s3.get_bucket_location(Bucket="at-home")[
        "LocationConstraint"] == "eu-west-1"
