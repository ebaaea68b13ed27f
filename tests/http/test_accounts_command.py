"""reelgate admin user and key: what they accept, refuse, print and return."""

import concurrent.futures
import json
import os
import shutil
import socket
import subprocess

import pytest

from gateway import ACCESS_KEY, BIN, SECRET_KEY


@pytest.fixture(scope="module")
def server():
    from gateway import Gateway
    g = Gateway().start()
    g.add("user", "add", "taken", "--id", "taken-id", "--access-key",
          "TAKEN-KEY", "--secret-key", "taken secret")
    yield g
    g.close()


def refusal(done, status):
    assert done.returncode == status, (done.stdout, done.stderr)
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    return done.stderr


# ---- what is refused ------------------------------------------------------------

PAIR = ("--access-key", "FREE-KEY", "--secret-key", "free secret")

REFUSED = [
    (("user", "add", "taken"), '"taken": there is a user of that name'),
    (("user", "add", "root"), '"root": there is a user of that name'),
    (("user", "add", "two words"), "a name is 1 to 64 of"),
    (("user", "add", ""), "a name is 1 to 64 of"),
    (("user", "add", "n" * 65), "a name is 1 to 64 of"),
    (("user", "add", "new", "--id", "taken-id"), "is taken"),
    (("user", "add", "new", "--id", "no.dots"), "an id is 1 to 64 of"),
    (("user", "add", "new", "--id", "i" * 65), "an id is 1 to 64 of"),
    (("user", "add", "new", "--display-name", "a\nb"), "control characters"),
    (("user", "add", "new", "--display-name", "\x9b2J"),
     "control characters"),
    (("user", "add", "new", "--display-name", "d" * 65), "1 to 64 bytes"),
    (("user", "add", "new", "--access-key", "TAKEN-KEY", "--secret-key",
      "free secret"), '"TAKEN-KEY": that access key is taken'),
    (("user", "add", "new", "--access-key", ACCESS_KEY, "--secret-key",
      "free secret"), "that access key is taken"),
    (("user", "add", "new", "--access-key", "ab", "--secret-key",
      "free secret"), "an access key is 3 to 128 of"),
    (("user", "add", "new", "--access-key", "a/b", "--secret-key",
      "free secret"), "an access key is 3 to 128 of"),
    (("user", "add", "new", "--access-key", "k" * 129, "--secret-key",
      "free secret"), "an access key is 3 to 128 of"),
    (("user", "add", "new", "--access-key", "FREE-KEY", "--secret-key",
      "7 bytes"), "a secret key is 8 to 127 printable ASCII"),
    (("user", "add", "new", "--access-key", "FREE-KEY", "--secret-key",
      "s" * 128), "a secret key is 8 to 127 printable ASCII"),
    (("user", "add", "new", "--access-key", "FREE-KEY", "--secret-key",
      "sécrète-clé"), "a secret key is 8 to 127 printable ASCII"),
    (("user", "remove", "nobody"), '"nobody": there is no such user'),
    (("user", "remove", "root"), '"root": root comes from the settings'),
    (("key", "add", "nobody"), '"nobody": there is no such user'),
    (("key", "add", "root"), '"root": root comes from the settings'),
    (("key", "add", "taken", "--access-key", "TAKEN-KEY", "--secret-key",
      "other secret"), "that access key is taken"),
    (("key", "list", "nobody"), '"nobody": there is no such user'),
    (("key", "remove", "taken", "NO-SUCH-KEY"),
     '"NO-SUCH-KEY": that user has no such access key'),
    (("key", "remove", "root", ACCESS_KEY), "root comes from the settings"),
    (("key", "remove", "nobody", "TAKEN-KEY"), "there is no such user"),
]


@pytest.mark.parametrize("words,line", REFUSED)
def test_refusals_are_one_clear_line(server, words, line):
    before = server.admin("user", "list").stdout
    stderr = refusal(server.admin(*words), 1)
    assert line in stderr and stderr.startswith("reelgate: ")
    assert "secret" not in stderr.replace("secret key", "")
    assert server.admin("user", "list").stdout == before


@pytest.mark.parametrize("words", [
    ("user",), ("key",), ("user", "frob"), ("user", "frob", "x"),
    ("user", "add"), ("user", "add", "a", "b"), ("user", "list", "a"),
    ("user", "remove"), ("key", "add"), ("key", "list"),
    ("key", "remove", "taken"), ("key", "remove", "taken", "K", "x"),
    ("user", "list", "--id", "x"), ("key", "add", "taken", "--id", "x"),
    ("key", "remove", "taken", "K", "--secret-key", "x"),
    ("user", "add", "new", "--frob"), ("user", "add", "new", "--id"),
    ("user", "add", "new", "--access-key", "FREE-KEY"),
    ("user", "add", "new", "--secret-key", "free secret"),
])
def test_wrong_use_is_told(server, words):
    refusal(server.admin(*words), 64)


@pytest.mark.parametrize("words,lines", [
    (("user", "--help"), ["user remove NAME", "key  add    USER"]),
    (("key", "--help"), ["user add    NAME"]),
    (("user", "add", "--help"), ["reelgate admin user add NAME", "--id ID",
                                 "--secret-key SECRET", "standard input"]),
    (("user", "list", "--help"), ["reelgate admin user list", "--data DIR"]),
    (("user", "remove", "--help"), ["reelgate admin user remove NAME"]),
    (("key", "add", "--help"), ["reelgate admin key add USER",
                                "--access-key KEY"]),
    (("key", "list", "--help"), ["reelgate admin key list USER"]),
    (("key", "remove", "-h"), ["reelgate admin key remove USER ACCESS_KEY"]),
    (("--help",), ["user       add|list|remove", "jobs       list|show"]),
    (("jobs", "--help"), ["reelgate admin jobs list", "retry ID"]),
    (("info", "--help"), ["reelgate admin info"]),
])
def test_help(server, words, lines):
    done = server.admin(*words)
    assert done.returncode == 0 and done.stderr == ""
    for line in lines:
        assert line in done.stdout


@pytest.mark.parametrize("words", ["admin", "admin user", "admin user add",
                                   "admin jobs list", "presign"])
def test_help_takes_all_words_of_a_command(words):
    def run(*args):
        return subprocess.run([BIN / "reelgate", *args], timeout=60,
                              capture_output=True, text=True)
    done = run("help", *words.split())
    assert done.returncode == 0 and done.stdout.startswith("usage: reelgate ")
    assert done.stdout == run(*words.split(), "--help").stdout


# ---- what is printed --------------------------------------------------------------

def test_user_add_prints_what_was_made(server):
    made = server.add("user", "add", "made-up")
    assert list(made) == ["name", "id", "account number", "display name",
                          "access key", "secret key"]
    assert made["name"] == made["display name"] == "made-up"
    assert len(made["account number"]) == 12
    assert len(made["access key"]) == 20 and len(made["secret key"]) == 40
    server.admin("user", "remove", "made-up")


def test_given_secret_is_not_repeated(server):
    made = server.add("user", "add", "given", *PAIR)
    assert "secret key" not in made and made["access key"] == "FREE-KEY"
    server.admin("user", "remove", "given")


@pytest.mark.parametrize("text", ["spaces are fine ", "with\r\n",
                                  "two\nlines", "q\"uo\\te'd {}"])
def test_secret_from_standard_input(server, text):
    secret = text.splitlines()[0]
    secret += "-" * (8 - len(secret))
    server.add("user", "add", "stdin", "--access-key", "STDIN", "--secret-key",
               "-", stdin=text.replace(text.splitlines()[0], secret, 1))
    s3 = server.client(access_key="STDIN", secret_key=secret)
    assert s3.list_buckets()["Owner"]["DisplayName"] == "stdin"
    assert server.admin("user", "remove", "stdin").returncode == 0


@pytest.mark.parametrize("text,status", [
    ("", 66), ("\n", 1), ("x" * 2000, 65), ("short\n", 1)])
def test_bad_secret_from_standard_input(server, text, status):
    refusal(server.admin("user", "add", "stdin", "--access-key", "STDIN",
                         "--secret-key", "-", stdin=text), status)


def test_lists(server):
    users = server.admin("user", "list").stdout.splitlines()
    assert users[0].split()[:2] == ["name", "number"]
    assert users[1].split()[0] == "root"
    assert [row.split()[0] for row in users[2:]] == sorted(
        row.split()[0] for row in users[2:])
    keys = server.admin("key", "list", "taken").stdout.splitlines()
    assert len(keys) == 2 and keys[1].split()[1] == "TAKEN-KEY"
    keys = server.admin("key", "list", "root").stdout.splitlines()
    assert keys[1].split() == ["-", ACCESS_KEY]
    text = "".join(server.admin(*words).stdout for words in (
        ("user", "list"), ("key", "list", "taken"), ("key", "list", "root")))
    assert "taken secret" not in text and SECRET_KEY not in text


def test_options_stand_anywhere(server):
    done = subprocess.run(
        [BIN / "reelgate", "admin", "user", "--id=any-where", "add", "--data",
         server.data, "anywhere"], capture_output=True, text=True,
        timeout=60)
    assert done.returncode == 0 and "any-where" in done.stdout
    server.admin("user", "remove", "anywhere")


def test_many_at_once(server):
    names = [f"many{i}" for i in range(12)]
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        made = list(pool.map(lambda n: server.add("user", "add", n), names))
    for m in made:
        s3 = server.client(access_key=m["access key"],
                           secret_key=m["secret key"])
        assert s3.list_buckets()["Owner"]["ID"] == m["id"]
        assert server.admin("user", "remove", m["name"]).returncode == 0


# ---- no gateway -----------------------------------------------------------------

def test_without_a_gateway(tmp_path):
    done = subprocess.run(
        [BIN / "reelgate", "admin", "--data", tmp_path, "user", "list"],
        capture_output=True, text=True, timeout=60)
    line = refusal(done, 69)
    assert str(tmp_path) in line and "does reelgate up run?" in line


def test_as_another_user(server):
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    done = subprocess.run(
        ["setpriv", "--reuid=nobody", "--clear-groups", "--regid=nogroup",
         shutil.which("test"), "-x", BIN / "reelgate"])
    if done.returncode != 0:
        pytest.skip("user nobody cannot reach the programs")
    done = subprocess.run(
        ["setpriv", "--reuid=nobody", "--clear-groups", "--regid=nogroup",
         BIN / "reelgate", "admin", "--data", server.data, "user", "list"],
        capture_output=True, text=True, timeout=60)
    assert "another user's" in refusal(done, 77)


# ---- the socket -----------------------------------------------------------------

def say(server, data):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(str(server.run_dir() / "admin.sock"))
        answer = b""
        try:
            s.sendall(data)
            while not answer.endswith(b"\n") and (got := s.recv(65536)):
                answer += got
        except ConnectionError:  # closed with bytes unread
            pass
    return answer


@pytest.mark.parametrize("line", [
    b"{}\n", b"[]\n", b"null\n", b"not json\n", b"\n", b"\0\n",
    b'{"command":"frob"}\n', b'{"command":7}\n', b'{"command":["user"]}\n',
    b'{"command":"user add"}\n', b'{"command":"user add","name":7}\n',
    b'{"command":"user remove"}\n', b'{"command":"key remove"}\n',
    b'{"command":"user add","name":"\xff"}\n', b"[" * 4000 + b"\n"],
    ids=range(15))
def test_socket_answers_nonsense_with_an_error(server, line):
    before = server.admin("user", "list").stdout
    assert list(json.loads(say(server, line))) == ["error"]
    assert server.admin("user", "list").stdout == before


@pytest.mark.parametrize("data", [b"x" * 9000 + b"\n", b"x" * 8192],
                         ids=["too long", "no end"])
def test_socket_drops_long_lines(server, data):
    assert say(server, data) == b""
    assert server.admin("user", "list").returncode == 0
