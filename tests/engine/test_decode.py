"""Docker's JSON, with the oddities that real engines show."""

from __future__ import annotations

from botbottle.engine import decode

ID = "ab12" * 16


def listed(**more: object) -> dict[str, object]:
    return {"Id": ID, "Names": ["/web"], "State": "running", "ImageID": "sha256:1", **more}


def test_nulls_are_nothing() -> None:
    found = decode.listed_container(listed(Labels=None, NetworkSettings=None))
    assert (found.labels, found.endpoints) == ({}, ())
    assert decode.network({"Id": "n", "Name": "x", "Labels": None, "IPAM": None}).subnets == ()
    assert decode.image({"Id": "i", "RepoTags": None, "Labels": None}).tags == ()


def test_link_names_of_others_are_not_the_containers_name() -> None:
    found = decode.listed_container(listed(Names=["/other/alias", "/web"]))
    assert found.name == "web"


def test_the_pseudo_network_none_is_no_attachment() -> None:
    networks = {"none": {"NetworkID": "n0"}}
    assert decode.endpoints(ID, networks) == ()


def test_the_short_id_that_docker_adds_is_not_one_of_our_aliases() -> None:
    networks = {"net": {"NetworkID": "n1", "Aliases": ["agent", ID[:12]], "IPAddress": "10.0.0.5"}}
    (found,) = decode.endpoints(ID, networks)
    assert (found.aliases, found.address) == (("agent",), "10.0.0.5")


def test_before_the_start_the_wanted_address_stands_for_the_real_one() -> None:
    networks = {"net": {"IPAMConfig": {"IPv4Address": "10.0.0.9"}, "IPAddress": ""}}
    assert decode.endpoints(ID, networks)[0].address == "10.0.0.9"


def test_untagged_images_have_no_tag() -> None:
    assert decode.image({"Id": "i", "RepoTags": ["<none>:<none>"]}).tags == ()


def test_an_exit_code_is_shown_only_of_what_has_ended() -> None:
    def inspected(status: str) -> object:
        state = {"Status": status, "ExitCode": 0, "OOMKilled": False, "StartedAt": "t"}
        return decode.inspected_container(
            {"Id": ID, "Name": "/web", "State": state, "Config": {}, "HostConfig": {}}
        ).exit_code

    assert [inspected(s) for s in ("created", "running", "paused")] == [None] * 3
    assert [inspected(s) for s in ("exited", "dead", "restarting")] == [0] * 3
