/** The page's own style: nothing is fetched from elsewhere. Colours have a contrast of 4.5 or more in both schemes. */
export const style = `
:root {
  color-scheme: light dark;
  --back: light-dark(#f7f8fa, #14171c);
  --card: light-dark(#ffffff, #1c2027);
  --line: light-dark(#d9dde4, #333a45);
  --text: light-dark(#1b1f26, #e6e9ee);
  --soft: light-dark(#59616e, #a3acba);
  --good: light-dark(#176b3a, #6fd39a);
  --bad: light-dark(#a6261d, #ff9a91);
  --link: light-dark(#1250a8, #8ab8ff);
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 90rem; background: var(--back); color: var(--text);
  font: 15px/1.45 system-ui, sans-serif; }
header { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; align-items: baseline; }
h1 { font-size: 1.35rem; margin: 0; }
h2 { font-size: 1rem; margin: 0 0 .5rem; }
h2 small { font-weight: normal; color: var(--soft); }
p { margin: .25rem 0; }
.soft, time { color: var(--soft); }
main { display: grid; gap: 1rem; margin-top: 1rem; grid-template-columns: minmax(0, 1fr); }
@media (min-width: 70rem) { main { grid-template-columns: repeat(2, minmax(0, 1fr)); } main > .wide { grid-column: 1 / -1; } }
section { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: .5rem 1.5rem; margin: 0; }
dt { color: var(--soft); font-size: .85rem; }
dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.scroll { overflow: auto; max-height: 26rem; }
.scroll:focus-visible, a:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .9rem .3rem 0; white-space: nowrap; border-bottom: 1px solid var(--line); }
thead th { position: sticky; top: 0; background: var(--card); color: var(--soft); font-weight: 600; }
tbody tr:last-child > * { border-bottom: 0; }
td.wrapping { white-space: normal; overflow-wrap: anywhere; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
code { font: .85em/1.5 ui-monospace, monospace; }
.good { color: var(--good); }
.bad { color: var(--bad); }
a { color: var(--link); }
`;
