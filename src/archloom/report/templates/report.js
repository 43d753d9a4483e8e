"use strict";
// What every page of results shares: building elements, colour scheme, tables that sort and filter.
// The page is complete without scripts; the class "js" shows what needs them.
document.documentElement.classList.add("js");

/** Set attributes and listeners ("onclick" and the like), append children; texts stay texts. */
function build(element, attributes = {}, children = []) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}
const html = (tag, attributes, ...children) =>
  build(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) =>
  build(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

/** The number that a cell begins with, such as 97.24 in "97.24 ± 0.33"; NaN without one. */
function leadingNumber(text) {
  return parseFloat(text.trim().replaceAll(",", "").replace("−", "-"));
}

// --- colour scheme -----------------------------------------------------------------------------

{
  const button = document.getElementById("theme");
  const show = () => button.setAttribute("aria-pressed", String(theme.isDark));
  button.addEventListener("click", () => {
    const chosen = theme.isDark ? "light" : "dark";
    theme.apply(chosen);
    theme.write(chosen);
    show();
  });
  theme.system.addEventListener("change", show);
  show();
}

// --- sorting -----------------------------------------------------------------------------------

/** Sort the rows of a table by one column; cells without a key come last either way. */
function sortTable(head) {
  const body = head.closest("table").tBodies[0];
  const falling = head.getAttribute("aria-sort") !== "descending";
  for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", falling ? "descending" : "ascending");
  const key = (row) => {
    const text = row.cells[head.cellIndex].dataset.key;
    return text === "" ? null : Number(text);
  };
  const compare = (a, b) => {
    const [x, y] = [key(a), key(b)];
    if (x === null || y === null) return (x === null) - (y === null);
    return falling ? y - x : x - y;
  };
  body.append(...[...body.rows].sort(compare));
}
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => sortTable(button.closest("th")));
}

// --- filtering ---------------------------------------------------------------------------------

/** Connect a form (fields text, column, from, to) with the table that its data-table names. */
function connectFilter(form) {
  const table = document.getElementById(form.dataset.table);
  const rows = [...table.tBodies[0].rows];
  const fields = form.elements;
  const heads = [...table.tHead.rows[0].cells];
  for (const [index, head] of heads.entries()) {
    if (rows.some((row) => !Number.isNaN(leadingNumber(row.cells[index].textContent)))) {
      fields.column.append(html("option", { value: index }, head.textContent.trim()));
    }
  }
  const matches = (row) => {
    const text = row.textContent.toLowerCase();
    const words = fields.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.every((word) => text.includes(word))) return false;
    const [low, high] = [fields.from.value, fields.to.value];
    if (low === "" && high === "") return true;
    const value = leadingNumber(row.cells[Number(fields.column.value)].textContent);
    return !(Number.isNaN(value) || (low && value < Number(low)) || (high && value > Number(high)));
  };
  const apply = () => {
    const shown = rows.filter((row) => !(row.hidden = !matches(row)));
    const whole = shown.length === rows.length;
    form.querySelector("output").value = whole ? "" : `${shown.length} of ${rows.length} shown`;
    table.dispatchEvent(new CustomEvent("filtered"));
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
}
for (const form of document.querySelectorAll("form.filter")) connectFilter(form);
