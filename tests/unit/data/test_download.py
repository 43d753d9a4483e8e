"""Downloads from servers that break off, lie, change their mind or never answer."""

import os
import random
import shutil
import socket
import urllib.request
from email.message import Message

import pytest

from archloom.data import download as module
from archloom.data.download import Patience, SourceError, discard, download
from archloom.errors import DataError
from data_server import chunked, plain, running, silent, status, trickle, whole

CONTENT = random.Random(0).randbytes(10_000)
SIZE = len(CONTENT)
HASTY = Patience(tries=3, timeout_s=0.3, pause_s=0.001, longest_s=0.01)


@pytest.fixture
def partial(tmp_path):
    return tmp_path / "folder" / ".file.partial"


def bring(server, partial, *answers, size=SIZE, path="/file", **options):
    server.answers = list(answers)
    download(server.url + path, partial, size, HASTY, **options)
    assert partial.read_bytes() == CONTENT


def ranges(server):
    return [request.headers.get("Range") for request in server.requests]


def test_a_file_comes_whole_and_progress_is_told(server, partial):
    told = []
    bring(server, partial, whole(CONTENT), progress=lambda *state: told.append(state))
    assert told[-1] == (SIZE, SIZE)
    assert server.requests[0].headers["Accept-Encoding"] == "identity"


def test_a_download_that_was_cut_goes_on_where_it_was(server, partial):
    bring(server, partial, whole(CONTENT, cut=6000), whole(CONTENT))
    assert ranges(server) == [None, "bytes=6000-"]
    assert server.requests[1].headers["If-Range"] == '"1"'


def test_a_later_call_goes_on_with_what_the_first_one_left(server, partial):
    server.answers = [whole(CONTENT, cut=1000), status(404)]
    with pytest.raises(SourceError, match="404"):
        download(f"{server.url}/file", partial, SIZE, HASTY)
    bring(server, partial, whole(CONTENT))
    assert ranges(server)[-1] == "bytes=1000-"


def test_what_is_complete_is_not_asked_for_again(server, partial):
    bring(server, partial, whole(CONTENT))
    bring(server, partial, status(500))
    assert len(server.requests) == 1


@pytest.mark.parametrize("etag", ['W/"1"', None])
def test_without_a_version_the_size_alone_lets_it_go_on(server, partial, etag):
    bring(server, partial, whole(CONTENT, etag=etag, cut=6000), whole(CONTENT, etag=etag))
    assert ranges(server)[1] == "bytes=6000-"
    assert "If-Range" not in server.requests[1].headers


def test_without_version_and_size_it_begins_anew(server, partial):
    answers = (whole(CONTENT, etag=None, cut=6000), whole(CONTENT, etag=None))
    bring(server, partial, *answers, size=None)
    assert ranges(server) == [None, None]


def test_a_file_that_changes_between_two_tries_begins_anew(server, partial):
    other = bytes(SIZE)
    bring(server, partial, whole(other, etag='"0"', cut=6000), whole(CONTENT, etag='"1"'))
    assert ranges(server) == [None, "bytes=6000-"]


def test_a_server_that_ignores_ranges_sends_it_all_again(server, partial):
    bring(server, partial, whole(CONTENT, cut=6000), plain(CONTENT))


def test_a_server_that_has_no_such_range_any_more_begins_anew(server, partial):
    bring(server, partial, whole(CONTENT, cut=6000), status(416), whole(CONTENT))
    assert ranges(server) == [None, "bytes=6000-", None]


def test_another_range_than_the_one_asked_for_is_refused(server, partial):
    wrong = {"Content_Range": f"bytes 10-{SIZE - 1}/{SIZE}"}
    server.answers = [
        whole(CONTENT, cut=6000),
        lambda handler: handler.answer(
            206, {"Content-Length": SIZE - 10, "Content-Range": wrong["Content_Range"]}
        ),
    ]
    with pytest.raises(SourceError, match="another part"):
        download(f"{server.url}/file", partial, SIZE, HASTY)


def test_a_length_that_is_not_the_registered_one_is_refused_before_anything_comes(server, partial):
    server.answers = [whole(CONTENT)]
    with pytest.raises(SourceError, match=f"it has {SIZE} bytes, but 12 are registered"):
        download(f"{server.url}/file", partial, 12, HASTY)
    assert not partial.exists()


def test_a_server_that_promises_more_than_it_sends_is_given_up(server, partial):
    server.answers = [plain(CONTENT[:100], Content_Length=SIZE)]
    with pytest.raises(SourceError, match=f"after 100 of {SIZE} bytes; given up after 3 tries"):
        download(f"{server.url}/file", partial, SIZE, HASTY)
    assert len(server.requests) == 3


def test_a_server_that_sends_more_than_the_file_is_refused(server, partial):
    server.answers = [chunked(CONTENT + b"more")]
    with pytest.raises(SourceError, match="it sends more than"):
        download(f"{server.url}/file", partial, SIZE, HASTY)


def test_a_server_that_names_no_length_is_fine_if_the_size_is_known(server, partial):
    bring(server, partial, chunked(CONTENT))
    discard(partial)
    with pytest.raises(SourceError, match="does not say how long"):
        download(f"{server.url}/file", partial, None, HASTY)


def test_a_compressed_answer_is_refused(server, partial):
    server.answers = [plain(CONTENT, Content_Encoding="gzip")]
    with pytest.raises(SourceError, match="compressed"):
        download(f"{server.url}/file", partial, SIZE, HASTY)


@pytest.mark.parametrize("code", [403, 404, 410])
def test_a_lasting_refusal_is_not_asked_twice(server, partial, code):
    server.answers = [status(code)]
    with pytest.raises(SourceError, match=str(code)):
        download(f"{server.url}/file", partial, SIZE, HASTY)
    assert len(server.requests) == 1


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_passing_refusal_is_waited_for(server, partial, code, monkeypatch):
    pauses = []
    monkeypatch.setattr(module.time, "sleep", pauses.append)
    bring(server, partial, status(code, Retry_After=3600), status(code), whole(CONTENT))
    assert pauses == [HASTY.longest_s, 0.002]  # not an hour, however much it asks for


def test_a_server_that_is_always_busy_is_given_up(server, partial):
    server.answers = [status(503)]
    with pytest.raises(SourceError, match="503.*given up after 3 tries"):
        download(f"{server.url}/file", partial, SIZE, HASTY)
    assert len(server.requests) == 3


def test_progress_renews_the_patience_but_trickles_do_not(server, partial, monkeypatch):
    monkeypatch.setattr(module, "STEP", 1000)
    bring(server, partial, whole(CONTENT, cut=1500))
    assert len(server.requests) == 7
    monkeypatch.setattr(module, "STEP", 1501)
    discard(partial)
    with pytest.raises(SourceError, match="given up after 3 tries"):
        download(f"{server.url}/file", partial, SIZE, HASTY)


def test_a_silent_server_is_given_up(server, partial):
    server.answers = [silent(server)]
    with pytest.raises(SourceError, match="given up after 3 tries"):
        download(f"{server.url}/file", partial, SIZE, HASTY)


def test_a_server_that_trickles_is_given_up(server, partial):
    server.answers = [trickle(CONTENT, server, 0.02)]
    hasty = Patience(tries=1, timeout_s=0.1)
    with pytest.raises(SourceError, match="only .* bytes in"):
        download(f"{server.url}/file", partial, SIZE, hasty)


def test_a_server_that_is_not_there_is_given_up(partial):
    with running() as server:
        gone = server.url
    with pytest.raises(SourceError, match="no connection"):
        download(f"{gone}/file", partial, SIZE, HASTY)


def test_a_host_that_nobody_knows_is_not_asked_twice(server, partial, monkeypatch):
    def unknown(*_arguments, **_options):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monkeypatch.setattr(module.time, "sleep", lambda _: pytest.fail("it waits"))
    with pytest.raises(SourceError, match="host is not known"):
        download("http://nowhere.invalid/file", partial, SIZE, HASTY)


def test_redirects_are_followed_to_other_hosts(server, partial):
    with running() as other:
        other.answers = [whole(CONTENT)]
        bring(server, partial, status(302, Location=f"{other.url}/moved"))
        assert other.requests[0].path == "/moved"


def test_a_cut_behind_a_redirect_goes_on_there(server, partial):
    with running() as other:
        other.answers = [whole(CONTENT, cut=6000), whole(CONTENT)]
        bring(server, partial, status(302, Location=f"{other.url}/moved"))
        assert ranges(other) == [None, "bytes=6000-"]


@pytest.mark.parametrize("target", ["/file", "/file?again"])
def test_redirects_in_a_circle_end(server, partial, target):
    server.answers = [status(302, Location=target)]
    with pytest.raises(SourceError, match="in a circle"):
        download(f"{server.url}/file", partial, SIZE, HASTY)
    assert len(server.requests) <= 7


def test_many_redirects_end(server, partial):
    server.answers = [status(302, Location=f"/{n}") for n in range(20)]
    with pytest.raises(SourceError, match="more than 5 times"):
        download(f"{server.url}/file", partial, SIZE, HASTY)
    assert len(server.requests) <= 7


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/file"])
def test_a_redirect_to_something_else_than_the_web_is_refused(server, partial, target):
    server.answers = [status(302, Location=target)]
    with pytest.raises(SourceError):
        download(f"{server.url}/file", partial, SIZE, HASTY)
    assert not partial.exists()


def test_a_redirect_from_https_to_http_is_refused():
    request = urllib.request.Request("https://safe.example/file")
    follow = module._Redirects().redirect_request
    with pytest.raises(SourceError, match="not safe"):
        follow(request, None, 302, "Found", Message(), "http://safe.example/file")
    assert follow(request, None, 302, "Found", Message(), "https://other.example/file")


def test_a_full_disk_is_told_before_anything_comes(server, partial, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 1, SIZE - 1))
    server.answers = [whole(CONTENT)]
    with pytest.raises(DataError, match="free space") as caught:
        download(f"{server.url}/file", partial, SIZE, HASTY)
    assert not isinstance(caught.value, SourceError)  # no other source would help
    assert not partial.exists()


def test_what_is_here_needs_no_space_again(server, partial, monkeypatch):
    server.answers = [whole(CONTENT, cut=6000), status(404)]
    with pytest.raises(SourceError):
        download(f"{server.url}/file", partial, SIZE, HASTY)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 1, 4000))
    bring(server, partial, whole(CONTENT))


def test_a_folder_in_the_way_is_named(server, partial):
    partial.mkdir(parents=True)
    (partial / "something").touch()
    server.answers = [whole(CONTENT)]
    with pytest.raises(DataError, match="partial could not be written"):
        download(f"{server.url}/file", partial, SIZE, HASTY)


@pytest.mark.parametrize("target", ["http://[", "//[::1", "http://a:b/", "http://a\tb:99999/"])
def test_a_redirect_to_no_address_is_an_error_of_the_source(server, partial, target):
    server.answers = [status(302, Location=target)]
    with pytest.raises(SourceError):
        download(f"{server.url}/a", partial, 5, Patience(tries=1, timeout_s=2))


@pytest.mark.parametrize("url", ["http://[/a", "http://a:b/", "nonsense", "http://" + "a" * 99])
def test_no_address_is_an_error_of_the_source(partial, url):
    with pytest.raises(SourceError):
        download(url, partial, 5, Patience(tries=1, timeout_s=2))


NOTES = ["", "{}", "[1]", '{"url": 1, "version": 2, "total": "x"}', "[" * 9999, '"x"', "null"]
NOTES += ['{"url": "URL", "version": "a\\r\\nX: 1", "total": 9}']
NOTES += ['{"url": "URL", "version": "\\ud800", "total": 9}']
NOTES += ['{"url": "URL", "version": "v", "total": Infinity}']
NOTES += [
    '{"url": "URL", "version": "v", "total": -1}',
    '{"url": "URL", "version": "v", "total": 1}',
]


@pytest.mark.parametrize("note", NOTES)
def test_a_damaged_note_means_to_begin_anew(server, partial, note):
    partial.parent.mkdir()
    partial.write_bytes(bytes(6000))
    (partial.parent / f"{partial.name}.json").write_text(note)
    bring(server, partial, whole(CONTENT))
    assert ranges(server) == [None]


def test_the_partial_file_of_another_address_is_not_gone_on_with(server, partial):
    server.answers = [whole(bytes(SIZE), cut=6000), status(404)]
    with pytest.raises(SourceError):
        download(f"{server.url}/other", partial, SIZE, HASTY)
    bring(server, partial, whole(CONTENT))
    assert ranges(server)[-1] is None


def test_discarding_leaves_nothing(server, partial):
    bring(server, partial, whole(CONTENT))
    discard(partial)
    assert os.listdir(partial.parent) == []
