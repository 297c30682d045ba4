"""The style sheet of HTML transcripts: light and dark, narrow and wide, and on paper."""

from __future__ import annotations

from typing import Final

STYLE: Final = """\
:root{color-scheme:light dark;--back:#fff;--text:#1a1a1a;--soft:#595959;--line:#d0d0d0;
--user:#e9f0fb;--tools:#f4f0e6;--code:#f5f5f5;--bad:#a40000;--link:#0b57d0}
@media (prefers-color-scheme:dark){:root{--back:#161616;--text:#ececec;--soft:#a8a8a8;
--line:#444;--user:#1d2a3d;--tools:#2b271c;--code:#212121;--bad:#ff8a80;--link:#8ab4f8}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:60rem;padding:1rem;background:var(--back);color:var(--text);
font:1rem/1.5 system-ui,sans-serif}
a{color:var(--link)}
h1{font-size:1.5rem;overflow-wrap:anywhere}
h2{font-size:1.15rem}
h3{font-size:1rem;margin:0 0 .5rem}
.skip{position:absolute;left:-99rem}
.skip:focus{position:static}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:0}
dt,time,.soft{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
table{border-collapse:collapse}
th,td{border:1px solid var(--line);padding:.2rem .6rem;text-align:left;overflow-wrap:anywhere}
td.n{text-align:right}
article{border:1px solid var(--line);border-radius:.5rem;margin:1rem 0;padding:.75rem 1rem}
article.user{background:var(--user)}
article.tools{background:var(--tools)}
time{font-weight:400;font-size:.85rem;margin-left:.5rem}
.text{white-space:pre-wrap;overflow-wrap:anywhere;margin:.5rem 0;unicode-bidi:plaintext}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--code);border-radius:.3rem;
padding:.5rem;margin:.5rem 0;font:.85rem/1.4 ui-monospace,monospace}
details{border-left:3px solid var(--line);padding-left:.75rem;margin:.5rem 0}
summary{cursor:pointer;overflow-wrap:anywhere}
.failed{color:var(--bad)}
img{max-width:100%;height:auto}
fieldset{border:1px solid var(--line);border-radius:.5rem;margin:1rem 0}
input[name=branch]{margin:.4rem .3rem .4rem 0}
@media print{body{max-width:none}.skip,fieldset{display:none}article{break-inside:auto}
details::details-content{content-visibility:visible;display:block}}
"""
