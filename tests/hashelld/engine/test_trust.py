"""Trust: the same key gives the same certificate; other keys and open files are refused."""

from __future__ import annotations

import pytest

from hashelld.engine.mesh.keyring import read_key
from hashelld.engine.mesh.trust import BadKey, check_key, make_trust


def test_all_nodes_make_the_same_bytes_from_the_same_key_and_others_from_another():
    one, again, other = make_trust(b"k" * 32), make_trust(b"k" * 32), make_trust(b"x" * 32)

    assert (one.certificate_der, one.tag, one.private_pem) == (again.certificate_der, again.tag, again.private_pem)
    assert one.certificate_der != other.certificate_der
    assert one.tag != other.tag


def test_the_secret_is_not_in_what_a_log_would_show():
    trust = make_trust(b"k" * 32)

    assert "PRIVATE" not in repr(trust)
    assert trust.heartbeat_key.hex() not in repr(trust)


@pytest.mark.parametrize(("data", "mode", "said"), [
    (b"k" * 31, 0o600, r"has 31 bytes .*hashell keygen"),
    (b"k" * 40, 0o640, r"can be read by others \(mode 0640\) \(chmod 600"),
])
def test_a_key_that_is_short_or_open_is_refused_with_the_way_out(data, mode, said):
    with pytest.raises(BadKey, match=said) as caught:
        check_key(data, mode, "/etc/hashell/key")
    assert caught.value.exit_code == 78


def test_a_missing_key_is_one_clear_error(tmp_path):
    with pytest.raises(BadKey, match=r"there is no key .*hashell keygen"):
        read_key(tmp_path / "key")


def test_the_end_of_line_of_a_key_file_does_not_count():
    assert check_key(b"k" * 64 + b"\n", 0o600, "f") == b"k" * 64
