"""Values that are written in the shape of a token but are obviously no secret.

Documentation writes ``ghp_xxxxxxxx``, ``AKIAIOSFODNN7EXAMPLE``, ``sk-YOUR_API_KEY_HERE`` and
``${TOKEN}``. The test is on the matched value alone, never on the text around it, so an attacker
cannot switch a finding off by writing "example" next to a real token.
"""

from __future__ import annotations

import re

_WORDS = (
    b"example", b"placeholder", b"your_", b"your-", b"yourtoken", b"yourapi", b"changeme",
    b"dummy", b"redacted", b"insert_", b"replace_", b"replace-me", b"xxxxxxxx", b"********",
    b"........", b"00000000000000", b"1234567890123456", b"-your", b"_here", b"-here",
    b"<token>", b"fakefake", b"notreal", b"aaaaaaaaaaaa", b"abcdefghijklmnopqrst",
)  # fmt: skip
_FILLERS = re.compile(b"|".join(map(re.escape, _WORDS)))

# Amazon's ids and secrets in its manuals, of the length that they have: what ends so behind a whole
# token is none.
_AMAZON = re.compile(rb"A[A-Z0-9]{11,13}EXAMPLE|[A-Za-z0-9+/]{30}EXAMPLEKEY")

# Values printed in RFC 6749, RFC 6750, RFC 7519 and RFC 7617; the tokens with which jwt.io begins,
# the keys of Stripe's API reference, of the Key URI format, of kubeadm's manual and of MetaMask.
_PUBLISHED = frozenset(
    b"2YotnFZFEjr1zCsicMWpAA tGzv3JOkF0XG5Qx2TlKWIA SplxlOBeZQQYbYS6WxSbIA mF_9.B5f-4.1JqM "
    b"czZCaGRSa3F0MzpnWDFmQmF0M2JW QWxhZGRpbjpvcGVuIHNlc2FtZQ== dGVzdDoxMjPCow== "
    b"QWxhZGRpbjpPcGVuU2VzYW1l wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY "
    b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwi"
    b"aWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c "
    b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwi"
    b"YWRtaW4iOnRydWUsImlhdCI6MTUxNjIzOTAyMn0.KMUFsIDTnFmyG3nMiGM6H9FNFUROf3wh7SmqJp-QV30 "
    b"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh"
    b"0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk "
    b"sk_test_"
    b"4eC39HqLyjWDarjtT1zdp7dc sk_test_"
    b"BQokikJOvBiI2HlWgH4olfQ2 "
    b"JBSWY3DPEHPK3PXP HXDMVJECJJWSRB3HWIZR4IFUGFTMXBOZ abcdef.0123456789abcdef "
    b"abcdef.1234567890abcdef 9aa3d95b3bc440fa88ea12eaa4456161".split()
)


def is_placeholder(value: bytes) -> bool:
    """True for a documentation value: a filler word, a template, or too few distinct bytes.

    Only the beginning counts: a pattern of open length also takes what is glued to a real token,
    so a filler word behind the token must not disarm it.
    """
    if value in _PUBLISHED or _AMAZON.fullmatch(value):
        return True
    head = value[:24]
    if len(set(head[4:])) < 5:
        return True
    if b"${" in head or b"{{" in head or b"<%" in head:
        return True
    return _FILLERS.search(head.lower()) is not None
