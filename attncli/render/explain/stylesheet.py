"""The look of explain's HTML page."""

from attncli.render.colours import STOPS

_GRADIENT = ", ".join(f"rgb({red},{green},{blue})" for red, green, blue in STOPS)
STYLESHEET = """\
:root { color-scheme: light dark; --ink: #1c1e21; --paper: #fff; --soft: #5a6069; --line: #d9dde3; --panel: #f4f6f8;
  --accent: #2f5597; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --paper: #15181c; --soft: #a3abb5; --line: #363c45;
  --panel: #1f242a; --accent: #9dbcf0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main { max-width: 54rem; margin: 0 auto; padding: 1.25rem 1rem 3rem; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .75rem; }
h2 { font-size: 1.3rem; margin: 2.5rem 0 .5rem; padding-bottom: .25rem; border-bottom: 2px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.75rem 0 .4rem; }
p { margin: .4rem 0; max-width: 44rem; }
math { font-size: 1.08em; font-family: "STIX Two Math", "Cambria Math", "Latin Modern Math", math, serif; }
math[display="block"] { margin: .6rem 0; color: var(--accent); overflow-x: auto; overflow-y: hidden; text-align: left;
  padding: .1rem 0; }
dl { margin: .75rem 0; color: var(--soft); }
dl div { display: flex; gap: .6rem; }
dt { min-width: 5rem; font-weight: 600; }
dd { margin: 0; }
nav ul { display: flex; flex-wrap: wrap; gap: .4rem .9rem; padding: 0; list-style: none; }
a { color: var(--accent); }
table.work { border-collapse: collapse; width: 100%; margin: .5rem 0; }
table.work th { text-align: left; font-weight: 500; vertical-align: top; padding: .22rem .9rem .22rem 0;
  width: 12rem; }
table.work td { padding: .22rem 0; }
table.work td math { white-space: nowrap; }
table.work tr.sum > * { border-top: 1px solid var(--line); }
table.work tr.sum + tr.sum > * { border-top: 0; }
table.work tr.top th, table.work tr.sum th { font-weight: 700; }
.note { color: var(--soft); font-style: italic; margin-left: .5rem; }
.gap { color: var(--soft); }
.bar { height: .55rem; margin: .15rem 0 .1rem; background: var(--panel); border-radius: 2px; max-width: 24rem; }
.bar div { height: 100%; background: var(--accent); border-radius: 2px; min-width: 1px; }
.blank { display: inline-block; width: min(16rem, 60%); height: 1.4rem; border-bottom: 1.5px solid var(--soft); }
aside { background: var(--panel); border-left: 4px solid var(--accent); padding: .4rem 1rem .7rem; margin: 1.5rem 0;
  border-radius: 3px; }
aside h3 { margin: .4rem 0; }
.wide { overflow-x: auto; margin: 1rem 0; padding-bottom: .25rem; }
table.heat { border-collapse: separate; border-spacing: 2px; font-variant-numeric: tabular-nums; font-size: .92rem; }
table.heat caption { text-align: left; font-weight: 600; padding-bottom: .3rem; }
table.heat th { font-weight: 500; padding: .15rem .5rem; max-width: 9rem; }
th.long { overflow-wrap: anywhere; min-width: 8rem; font-size: .85em; }
table.heat thead th { vertical-align: bottom; text-align: center; }
table.heat tbody th { text-align: right; }
table.heat tbody td { min-width: 3.6rem; padding: .4rem .5rem; text-align: center; border-radius: 2px;
  white-space: nowrap; }
table.heat td[tabindex]:hover, table.heat td[tabindex]:focus { outline: 2px solid var(--ink); outline-offset: 1px; }
table.heat td[tabindex]:hover::after, table.heat td[tabindex]:focus::after { content: attr(data-full); position: fixed;
  left: 50%; bottom: 1rem; transform: translateX(-50%); max-width: 92vw; padding: .45rem .9rem; border-radius: 6px;
  background: var(--ink); color: var(--paper); font-size: 1rem; z-index: 2; }
table.heat td.masked { color: var(--soft);
  background: repeating-linear-gradient(45deg, var(--panel) 0 5px, var(--line) 5px 7px); }
.legend { font-weight: 400; color: var(--soft); margin-left: .75rem; white-space: nowrap; }
.scale { display: inline-block; width: 6rem; height: .7rem; vertical-align: middle; border-radius: 2px;
  background: linear-gradient(to right, GRADIENT); }
footer { margin-top: 2.5rem; color: var(--soft); font-size: .9rem; border-top: 1px solid var(--line); }
@media (max-width: 34rem) {
  table.work, table.work tbody, table.work tr, table.work th, table.work td { display: block; width: auto; }
  table.work th { padding: .4rem 0 0; color: var(--soft); }
  table.work td { padding: 0 0 .2rem .75rem; }
}
@media print {
  :root { --ink: #000; --paper: #fff; --soft: #444; --line: #bbb; --panel: #f2f2f2; --accent: #1f3d75; }
  body { font-size: 10.5pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main { max-width: none; padding: 0; }
  nav { display: none; }
  .wide { overflow: visible; }
  h2, h3 { break-after: avoid; }
  tr, aside { break-inside: avoid; }
}
""".replace("GRADIENT", _GRADIENT)
