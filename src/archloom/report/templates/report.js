// Sortable tables and pictures that fit the width; the page is complete without it.
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th");
    const body = head.closest("table").tBodies[0];
    const falling = head.getAttribute("aria-sort") !== "descending";
    for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", falling ? "descending" : "ascending");
    const key = (row) => Number(row.children[head.cellIndex].dataset.key);
    const rows = [...body.rows].sort((a, b) => (falling ? key(b) - key(a) : key(a) - key(b)));
    body.append(...rows);
  });
}
for (const button of document.querySelectorAll("button.tool")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const fits = button.parentNode.querySelector(".picture").classList.toggle("fit");
    button.setAttribute("aria-pressed", String(fits));
  });
}
