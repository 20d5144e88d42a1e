"""The fixed parts of the HTML report: style and script, without anything from elsewhere."""

STYLE = """
:root { color-scheme: light dark; --line: #d7dae0; --pale: #6b7280; --paper: #fff; --ink: #1c2028 }
@media (prefers-color-scheme: dark) {
  :root { --line: #3a404c; --pale: #9aa1ae; --paper: #16181d; --ink: #e6e8ec }
}
body { margin: 0 auto; max-width: 1200px; padding: 24px; background: var(--paper);
  color: var(--ink); font: 15px/1.45 system-ui, sans-serif; display: flex; flex-direction: column }
header, #summary { order: -1 }
h1 { font-size: 24px; margin: 0 0 4px } p { margin: 0 0 16px; color: var(--pale) }
#summary { margin-bottom: 20px; display: flex; flex-wrap: wrap; gap: 6px }
#summary p { flex: 0 0 100%; margin: 0 0 6px }
#summary button { font: inherit; font-size: 13px; color: inherit; background: none; cursor: pointer;
  border: 1px solid var(--line); border-radius: 14px; padding: 2px 10px }
#summary button[aria-pressed=true] { border-color: currentColor; font-weight: 600 }
.swatch { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 5px;
  border: 1px solid var(--pale) }
table { border-collapse: collapse; width: 100% }
th, td { padding: 8px 10px; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top }
th { position: sticky; top: 0; background: var(--paper); white-space: nowrap }
th button { all: unset; cursor: pointer; font-weight: 600 }
th button:focus-visible, #summary button:focus-visible { outline: 2px solid }
th[aria-sort=ascending] button::after { content: " \\25b2" }
th[aria-sort=descending] button::after { content: " \\25bc" }
td.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
td.name { overflow-wrap: anywhere; min-width: 9em }
td img { display: block; border-radius: 4px; max-width: 240px }
.bar { display: flex; height: 12px; width: 100%; border-radius: 3px; overflow: hidden;
  background: var(--line); margin-bottom: 6px }
.bar i { display: block } .shares > span { white-space: nowrap; margin-right: 12px }
"""

SCRIPT = """
"use strict";
const body = document.querySelector("tbody");
const heads = [...document.querySelectorAll("th[data-key]")];
const shareHead = document.querySelector("th[data-key=share]");
let chosen = null;

function value(row, key) {
  if (key === "name") return row.dataset.name;
  if (key === "pixels") return Number(row.dataset.pixels);
  if (key === "order") return Number(row.dataset.order);
  const shares = JSON.parse(row.dataset.shares);
  return chosen === null ? Math.max(0, ...Object.values(shares)) : shares[chosen] || 0;
}

function sortBy(key, descending) {
  const rows = [...body.rows].map(row => [value(row, key), row]);
  const sign = descending ? -1 : 1;
  rows.sort(([a, one], [b, other]) => {
    const order = typeof a === "string"
      ? a.localeCompare(b, undefined, {numeric: true}) : a - b;
    return order ? sign * order : one.dataset.order - other.dataset.order;
  });
  body.append(...rows.map(([, row]) => row));
  for (const head of heads) {
    if (head.dataset.key === key) head.ariaSort = descending ? "descending" : "ascending";
    else head.removeAttribute("aria-sort");
  }
}

function percent(share) {
  if (share === 0) return "0 %";
  return share < 0.0005 ? "< 0.1 %" : (100 * share).toFixed(1) + " %";
}

function showShares() {
  shareHead.querySelector("button").textContent = chosen === null ? "largest share" : chosen;
  for (const row of body.rows)
    row.querySelector(".share").textContent = percent(value(row, "share"));
}

for (const head of heads) {
  head.querySelector("button").addEventListener("click", () => {
    const isNumber = head.dataset.key !== "name";
    const again = head.ariaSort === (isNumber ? "descending" : "ascending");
    sortBy(head.dataset.key, isNumber !== again);
  });
}
for (const button of document.querySelectorAll("#summary button")) {
  button.addEventListener("click", () => {
    chosen = chosen === button.dataset.name ? null : button.dataset.name;
    for (const other of document.querySelectorAll("#summary button"))
      other.ariaPressed = String(other.dataset.name === chosen);
    showShares();
    sortBy("share", true);
  });
}
showShares();
"""
