"""The report's style sheet: light and dark, paper, phone and desk. No fonts, no pictures, nothing that would be fetched."""

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fbfaf7; --card: #fff; --ink: #1e1d1b; --quiet: #5f5b55; --rule: #dedad2;
  --accent: #1d5a9c; --bad: #a12f1c; --part: #8a6100; --told: #7b3a8e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15171a; --card: #1c1f23; --ink: #ebe8e2; --quiet: #a9a59d; --rule: #383b40;
    --accent: #85b8f2; --bad: #f3917d; --part: #dfb455; --told: #d3a2e3;
  }
}
*, *::before, *::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 62rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
}
h1, h2, p, dl, dd, ul, figure { margin: 0; padding: 0; }
h1 { font: 400 2rem/1.2 Charter, Cambria, Georgia, "Liberation Serif", serif; }
h2 { font: 400 1.5rem/1.25 Charter, Cambria, Georgia, "Liberation Serif", serif; margin-bottom: .75rem; }
.overline, .quiet, .note { color: var(--quiet); font-size: .875rem; }
.overline { margin-bottom: .25rem; }
header .quiet { margin-top: .5rem; }
section { margin-top: 2.5rem; }
section > p, section > ul { max-width: 44rem; }
section > p + p { margin-top: .35rem; }
.lead { margin-top: 1.5rem; font-size: 1.125rem; max-width: 44rem; }
.lead p + p { margin-top: .35rem; }
.note { margin-top: .5rem; }
ul { padding-left: 1.1rem; }
li + li { margin-top: .35rem; }

.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem; margin-top: 1.5rem; }
.tiles div { background: var(--card); border: 1px solid var(--rule); border-radius: .5rem; padding: .75rem .9rem; }
.tiles dt { font-size: .875rem; color: var(--quiet); }
.tiles dd { font: 400 1.5rem/1.25 Charter, Cambria, Georgia, "Liberation Serif", serif; }
.tiles dd small { display: block; font: .8rem/1.35 system-ui, sans-serif; color: var(--quiet); margin-top: .2rem; }

.pair { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); gap: 1.5rem; }
figure.one { max-width: 36rem; }
figcaption { font-weight: 600; margin-bottom: .25rem; }
figcaption span { display: block; font-weight: 400; font-size: .875rem; color: var(--quiet); }
.chart { display: block; width: 100%; height: auto; }
.chart text { fill: var(--quiet); font-size: 11px; }
.chart .end { text-anchor: end; }
.chart .centre { text-anchor: middle; }
.grid { stroke: var(--rule); stroke-width: .7; fill: none; }
.ground, .notch { stroke: var(--quiet); stroke-width: .8; fill: none; }
.mark { fill: none; stroke: var(--accent); stroke-width: 1.4; }
.mark.dot { stroke-width: 5; stroke-linecap: round; }
.mark.dot.dense { stroke-width: 2.6; }
.mark.none { stroke: var(--quiet); stroke-width: 2; stroke-linecap: round; }
.mark.ring { stroke: var(--quiet); }
.mark.diamond { fill: var(--paper); }
.mark.cross { stroke: var(--bad); stroke-width: 1.8; stroke-linecap: round; }
.mark.flag { fill: var(--told); stroke: none; }
.day { stroke: var(--ink); stroke-width: 2; fill: none; }
.reach { stroke: var(--accent); stroke-width: 1.4; opacity: .55; fill: none; }
.share { stroke: var(--bad); stroke-width: 3; fill: none; }
.amount { stroke: var(--accent); stroke-width: 6; fill: none; }
.amount.thin { stroke-width: 1.4; }
.wide { stroke-width: 6; }
.reach.wide { opacity: .4; }
.slot { stroke: none; }
.slot.worked { fill: var(--accent); }
.slot.partly { fill: var(--part); }
.slot.failed { fill: var(--bad); }
.slot.held-back { fill: var(--quiet); }
.key { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; margin-top: .75rem;
  color: var(--quiet); font-size: .875rem; }
.key li { display: flex; align-items: center; gap: .4rem; margin: 0; }
.key svg { width: 14px; height: 14px; flex: none; overflow: visible; }

table { width: 100%; border-collapse: collapse; font-size: .9375rem; }
table + table { margin-top: 1.75rem; }
p + table, figure + table { margin-top: 1rem; }
caption { text-align: left; font-weight: 600; padding-bottom: .35rem; }
caption span { display: block; font-weight: 400; font-size: .875rem; color: var(--quiet); }
th, td { text-align: left; vertical-align: top; font-weight: 400;
  padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--rule); }
th:last-child, td:last-child { padding-right: 0; }
thead th { color: var(--quiet); font-size: .875rem; }
.list tbody th { white-space: nowrap; }
.list td:nth-child(2) { min-width: 6rem; }
.bars th { width: 45%; }
.bars .amount { width: 35%; vertical-align: middle; }
.bars .words { white-space: nowrap; text-align: right; }
.bars svg { display: block; width: 100%; height: .6rem; }
.bar { fill: var(--accent); }
.terms { max-width: 44rem; }
.terms div { display: grid; grid-template-columns: 9rem 1fr; gap: 0 1rem; padding: .3rem 0; }
.terms dt { font-weight: 600; }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--rule); color: var(--quiet); font-size: .8125rem; }

@media (min-width: 48rem) {
  .chart text { font-size: 9.5px; }
  .one .chart text { font-size: 8px; }
}
@media (max-width: 36rem) {
  .tiles { grid-template-columns: 1fr 1fr; }
  .terms div { grid-template-columns: 1fr; }
  .list thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .list, .list tbody, .list tr, .list th, .list td, .list caption { display: block; }
  .list tr { border-bottom: 1px solid var(--rule); padding: .5rem 0; }
  .list th, .list td { border: 0; padding: 0; }
  .list th, .list td:not(:last-child) { display: inline-block; margin-right: .75rem; min-width: 0; }
  .list tbody th { color: var(--quiet); font-size: .875rem; }
}
@media print {
  :root {
    color-scheme: light;
    --paper: #fff; --card: #fff; --ink: #000; --quiet: #444; --rule: #bbb; --accent: #134a86; --bad: #8a2412;
    --part: #6b4b00; --told: #65307a;
  }
  body { padding: 0; max-width: none; font-size: 10pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  figure, tr, .tiles div { break-inside: avoid; }
  h2, caption { break-after: avoid; }
  .pair { grid-template-columns: 1fr 1fr; }
}
""".strip()
