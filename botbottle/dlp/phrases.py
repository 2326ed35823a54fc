"""The phrase lists of the inbound detector, as linear-time patterns (any case).

Words may be separated by blanks, escaped newlines, markup or punctuation, so that text inside
JSON or Markdown reads the same.
"""

# ruff: noqa: E501  (a table: one rule a line)
from __future__ import annotations

from typing import Final

_ = r"(?:[\s*_\"'`,.:~\-]|\\[nrt]){1,6}"
_ANY = rf"(?:[\w']{{1,14}}{_}){{0,5}}"
_PRIOR = rf"(?:(?:all|any|every|the|your|my|our|of|these|those|previous|prior|above|earlier|preceding|former|existing|given|original|initial|other|current|system|safety|past){_}){{1,5}}"
_ORDERS = r"(?:instruction|prompt|rule|directive|guideline|command|constraint|restriction|message|programming|training|polic(?:y|ies)|context|direction|limitation|order)s?"
_REVEAL = r"(?:reveal|show|print|output|repeat|display|tell|give|leak|dump|disclose|share|write|list|return|expose|send|exfiltrate|upload|recite|echo|paste|copy|spell|summari[sz]e|translate|encode|provide|extract|state|divulge)"
_OWN = r"(?:your|the|its|all|entire|full|complete|exact|hidden|initial|original|secret|internal|system|above|previous|these|my|our|user'?s?)"
_SECRETS = rf"(?:system{_}(?:prompt|message|instruction)s?|(?:initial|hidden|original|secret|internal|full|exact|first|base|starting|developer|custom|pre){_}?(?:prompt|instruction|message|rule|guideline)s?|prompt|instructions|guidelines|directives|configuration|api{_}?keys?|access{_}tokens?|passwords?|credentials|environment{_}variables|env{_}vars?|private{_}keys?|secrets|secret{_}keys?|conversation{_}history|chat{_}history|ssh{_}keys?|training{_}data)"

DISCLOSURE: Final = (
    rf"{_REVEAL}{_}(?:(?:me|us|out|back|down|verbatim|in|full|everything|to|of|about|what|is|are|all|and|exactly){_}){{0,5}}(?:{_OWN}{_}){{1,4}}{_SECRETS}",
    rf"what{_}(?:is|are|was|were|does|do){_}(?:{_OWN}{_}){{1,4}}{_SECRETS}",
    rf"(?:repeat|print|output|write|copy|recite|echo){_}{_ANY}(?:above|before{_}this|at{_}the{_}(?:top|beginning|start)|preceding|prior{_}to{_}this)",
    rf"(?:text|words|lines|sentences|content|everything|instructions){_}(?:above|before{_}this|preceding){_}{_ANY}(?:verbatim|word{_}for{_}word|exactly|code{_}block)",
    rf"(?:you{_}were|you{_}have{_}been){_}(?:given|told|instructed|initiali[sz]ed|prompted|configured|programmed){_}(?:with|at|before|in|to)",
    rf"(?:send|post|upload|exfiltrate|transmit|forward|email){_}{_ANY}(?:credentials|api{_}?keys?|passwords?|secrets|tokens|private{_}keys?|environment|\.env|ssh{_}keys?){_}{_ANY}(?:to|https?)",
)

JAILBREAK: Final = (
    rf"(?:ignore|disregard|forget|override|bypass|skip|neglect|discard|overlook|cancel|violate|break|abandon|drop){_}{_PRIOR}{_ORDERS}",
    rf"(?:ignore|disregard|forget){_}(?:everything|all|anything|what){_}{_ANY}(?:above|before|previously|prior|said|told|learned|earlier)",
    rf"do{_}anything{_}now",
    r"\b(?:jailbreak|jailbroken|jailbreaking)\b",
    rf"\bDAN{_}mode|(?:developer|god|debug|admin|sudo|evil|unrestricted|opposite|chaos|maximum|unlocked|root){_}mode{_}(?:is{_}|now{_}|has{_}been{_})?(?:enabled|activated|on|active|output|engaged|unlocked)",
    rf"(?:enable|activate|enter|switch{_}to|turn{_}on|unlock){_}(?:the{_}|your{_})?(?:developer|god|debug|admin|dan|evil|unrestricted|jailbreak|opposite|maximum|root){_}mode",
    rf"(?:you{_}are|you're|act|respond|answer|behave|operate|function|pretend|roleplay){_}{_ANY}(?:unrestricted|uncensored|unfiltered|amoral|unbound|unlimited|unethical|jailbroken)",
    rf"(?:no{_}longer|not|never|aren't|isn't|are{_}not){_}(?:bound|constrained|restricted|limited|governed|controlled|held){_}(?:by|to){_}{_ANY}(?:rules?|guidelines?|polic(?:y|ies)|restrictions?|ethics|laws?|constraints?|limitations?|programming|openai|filters?|moral)",
    rf"(?:without|no|free{_}(?:from|of)|devoid{_}of|lacks?|ignor(?:e|es|ing)|bypass(?:es|ing)?){_}(?:any{_}|all{_}|the{_}|its{_}|your{_}|typical{_}|usual{_})?(?:ethical|moral|legal|content|safety)?{_}?(?:restrictions|limitations|filters|censorship|guardrails|boundaries|safeguards|guidelines|constraints)",
    rf"(?:never|don't|do{_}not|cannot|can't|won't|must{_}not|will{_}not|not{_}allowed{_}to){_}(?:ever{_}|simply{_})?(?:refuse|decline|reject|deny|warn|break{_}character|say{_}(?:no|sorry|i{_}can't|you{_}can't))",
    rf"(?:stay|remain|keep){_}in{_}character",
    rf"from{_}now{_}on{_}{_ANY}(?:you|chatgpt|claude|act|respond|answer|ignore|going{_}to)",
    rf"new{_}(?:system{_})?(?:instructions?|prompt|rules?|task)(?:{_}(?:from|override|follow|are|is)|\s*:)",
    rf"(?:system|instruction|prompt|safety|policy){_}override",
    rf"pretend{_}(?:that{_})?(?:you{_}(?:are|have|can|were)|to{_}be){_}{_ANY}(?:no|without|free|evil|hacker|ai|not|any|able|human|never)",
    rf"(?:two|2|both){_}(?:different{_})?(?:responses|answers|ways|outputs){_}{_ANY}(?:normal|classic|standard|jailbreak|chatgpt|gpt)",
    rf"(?:disable|turn{_}off|remove|deactivate|switch{_}off){_}(?:all{_}|any{_}|your{_}|the{_}){{0,2}}(?:safety|content|ethical|moral|security){_}(?:filters?|checks?|protocols?|guidelines?|restrictions?|measures?|settings?)",
)

HEURISTICS: Final = (
    r"<\|?(?:im_start|system|/?inst|endoftext|start_header_id)\|?>",
    r"\[/?(?:INST|SYS|SYSTEM)\]",
    rf"(?:attention|important|urgent|note|message){_}(?:to|for){_}(?:the{_}|any{_}|all{_})?(?:ai|llm|assistant|agent|model|claude|chatgpt|gpt|copilot|language{_}model)s?",
    rf"(?:you{_}are{_}now|you{_}will{_}now|you{_}must{_}now|you{_}are{_}going{_}to){_}(?:be{_}|act{_}|play{_}|become{_}|pretend{_}|a{_}|an{_}|the{_}|my{_}|called{_}|named{_})",
    rf"(?:act|behave|respond|play|roleplay|role{_}play|answer|speak){_}(?:as|like){_}(?:if{_}you|an?{_}|my{_}|the{_})",
    rf"(?:do{_}not|don't|never){_}(?:tell|inform|mention|notify|alert|warn){_}(?:the{_}|this{_}|it{_}|anything{_}){{0,3}}(?:to{_})?(?:the{_})?(?:user|human|operator|developer|anyone)",
    rf"(?:hypothetical|fictional|imaginary){_}(?:response|story|scenario|world|character|dialogue)",
    rf"(?:amoral|unethical|immoral|illegal|uncensored|unfiltered|nsfw|evil){_}{_ANY}(?:ai|bot|assistant|character|chatbot|model|content|advice|response|question)",
    rf"(?:curl|wget|fetch|nc|bash){_}{_ANY}https?://[\w.\-]+/\S{{0,80}}\$\(",
    rf"(?:i{_}want|i{_}need|i{_}would{_}like|you{_}will){_}(?:you{_})?to{_}(?:act|pretend|roleplay|play|imagine|simulate|be{_}my)",
    rf"(?:ignore|disregard|forget){_}{_ANY}(?:instructions?|prompts?|rules?|guidelines?|polic(?:y|ies)|above|previous)",
    rf"(?:your|the|its){_}(?:initial|system|hidden|starting|secret){_}(?:prompt|instructions?|configuration)|\bsystem_?prompt\b",
    rf"(?:my|your){_}instructions{_}(?:are|were|say)|i{_}was{_}(?:instructed|programmed){_}to|were{_}you{_}(?:told|given|instructed)|(?:not{_}supposed|not{_}allowed|forbidden){_}to{_}(?:tell|reveal|share|disclose)",
    rf"(?:repeat|output|print|quote){_}{_ANY}(?:conversation|initiali[sz]ation){_}{_ANY}(?:word{_}for{_}word|verbatim|exactly|back|string)|output{_}initiali[sz]ation",
    rf"(?:simulate|emulate|immerse|imagine){_}{_ANY}(?:chatgpt|gpt|ai|role|character|persona|yourself|mode)",
)
