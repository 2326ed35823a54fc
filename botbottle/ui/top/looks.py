"""The dashboard's fixed words and its style sheet."""

from __future__ import annotations

HELP = """\
↑ ↓        choose a bottle          enter, d   details on or off
/          filter: words and held, drift, proposals, denials
s          next order: name, trouble, budget, left, burn, activity, denials
c          cutoff: stop traffic     f          freeze: snapshot and stop
k          kill (type the name)     r          resume or release
b          set a budget             p          decide proposals
R          look again now           q          quit

Every key that changes something shows its bb command and asks first.

●  running   ○  stopped or absent   ‖  paused   ✂  cut off
❄  frozen    ✕  killed              !  broken   ?  not known yet
▲  80 % of a budget                 !  used up
P  proposal waits   H  held   ~  drift   D  denials
"""

CSS = """
#head { height: 1; text-style: bold; }
#problems { height: auto; max-height: 3; }
#words { display: none; height: 3; }
#words.on { display: block; }
#fleet { height: 1fr; }
#detail { height: 55%; border-top: solid $foreground; padding: 0 1; display: none; }
#detail.on { display: block; }
ModalScreen { align: center middle; }
.dialog { width: 90%; max-width: 90; height: auto; max-height: 90%; border: solid $foreground;
          padding: 0 1; background: $surface; }
.dialog.tall { height: auto; }
.title { text-style: bold; }
.buttons { height: 3; align-horizontal: right; }
Label { width: 100%; }
"""
