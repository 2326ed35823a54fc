"""Index of the 32 field bugs: number, what went wrong elsewhere, where it is tested.

Tests are named ``test_bug_NN_...`` in test_field_bugs_lost.py (1 to 13),
test_field_bugs_wrong.py (14 to 23) and test_field_bugs_enforced.py (24 to 32). Bugs that cannot
be caused or prevented by a meter are tested where the named package is: the ledger's in
tests/ledger/test_field_bugs.py under the same names, those of the sidecar in tests/sidecar_egress
(32: test_cut.py).

==  =====================================================================  ==================
 1  client disconnects mid-stream: no row                                  meter
 2  upstream error or timeout mid-stream: no row                           meter
 3  interrupted output stays at the placeholder                            meter
 4  interrupted gzip loses events; cut last event swallowed                meter
 5  plain call whose client vanished: no row                               meter
 6  row made at the end of the response, which never comes                 meter
 7  WebSocket: zero, only the last response, prewarm, unbounded            meter
 8  usage under another name or level                                      meter
 9  chat usage after the finish; none without include_usage                meter
10  frames split over chunks, CRLF, CR, multi-byte                         meter
11  br, zstd, several gzip members not read                                meter
12  proxy stops right after the job                                        meter, sidecar
13  missing context drops usage silently                                   meter, sidecar
14  cumulative deltas summed                                               meter
15  input told only in the delta dropped                                   meter
16  Anthropic cache tokens counted as input again, or not at all           meter
17  OpenAI cached tokens counted twice                                     meter
18  cache TTLs, compaction, advisor                                        meter
19  Gemini thoughts, cached, per-chunk sums                                meter
20  explicit zero or provider numbers replaced by an estimate              meter
21  polls and batch downloads counted each time                            meter, ledger
22  first wins; retries lost                                               meter, ledger
23  Converse cache; Claude on Vertex                                       meter
24  concurrent requests admitted by a race                                 ledger
25  other surfaces, later frames not gated                                 meter, sidecar
26  spend told late                                                        meter, ledger
27  phantom and leaked reservations                                        meter, ledger
28  resets race                                                            ledger
29  enforcement skipped or misapplied by reference                         meter, budget
30  a counting error fails open                                            meter, sidecar
31  refusals cause retry storms                                            meter
32  killing a flow does not stop its stream                                sidecar
==  =====================================================================  ==================
"""

from __future__ import annotations

import re

from . import test_field_bugs_enforced, test_field_bugs_lost, test_field_bugs_wrong

MODULES = (test_field_bugs_lost, test_field_bugs_wrong, test_field_bugs_enforced)
ROW = re.compile(r"^ ?(\d+)  .*  (\S.*)$", re.MULTILINE)


def test_every_field_bug_of_the_meter_has_a_test_and_every_test_is_in_the_index() -> None:
    owners = {int(n): where for n, where in ROW.findall(__doc__)}
    tested = {int(m[1]) for mod in MODULES for name in vars(mod)
              if (m := re.match(r"test_bug_(\d\d)_", name))}  # fmt: skip
    assert sorted(owners) == list(range(1, 33))
    assert tested == {n for n, where in owners.items() if "meter" in where}
