"use strict";
(() => {
  const root = document.documentElement, button = document.getElementById("theme");
  const kept = (value) => {
    try {
      if (value !== undefined) localStorage.setItem("lmgame-theme", value);
      return localStorage.getItem("lmgame-theme");
    } catch { return null; }  // some browsers keep nothing for file://
  };
  const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const say = () => { button.textContent = dark() ? "Light" : "Dark"; button.setAttribute("aria-label", dark() ? "Use light colours" : "Use dark colours"); };
  const before = kept();
  if (before === "dark" || before === "light") root.dataset.theme = before;
  root.classList.add("js");
  button.hidden = false;
  button.onclick = () => { root.dataset.theme = dark() ? "light" : "dark"; kept(root.dataset.theme); say(); };
  say();
})();
(() => {
  const words = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  for (const table of document.querySelectorAll("table.sheet[id]")) {
    const body = table.tBodies[0], rows = [...body.rows], heads = [...table.tHead.rows[0].cells];
    if (rows.length > 1) heads.forEach((head, column) => sortable(head, column, heads, body, rows));
    const form = document.querySelector(`form[data-for="${table.id}"]`);
    if (form) filter(form, rows);
  }
  function sortable(head, column, heads, body, rows) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.onclick = () => {
      const cells = new Map(rows.map((row) => [row, row.cells[column]]));
      const figures = rows.some((row) => cells.get(row).dataset.v !== undefined);
      const before = head.getAttribute("aria-sort");
      const down = before ? before === "ascending" : figures && head.textContent !== "Rank";
      for (const one of heads) one.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => {
        const cell = cells.get(row);
        if (!figures) return cell.textContent;
        return cell.dataset.v === undefined ? null : Number(cell.dataset.v);
      };
      const keyed = rows.map((row, place) => [key(row), place, row]);
      keyed.sort(([a, i], [b, j]) => {  // what has no figure stays last, either way
        if (a === null || b === null) return (a === null) - (b === null) || i - j;
        const way = figures ? a - b : words.compare(a, b);
        return (down ? -way : way) || i - j;
      });
      body.append(...keyed.map((one) => one[2]));
    };
  }
  function filter(form, rows) {
    const search = form.querySelector("input"), told = form.querySelector("output");
    const choices = [...form.querySelectorAll("select")];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const first = (cell) => (cell.querySelector("a") || cell).firstChild?.data ?? "";
    function apply() {
      const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      rows.forEach((row, place) => {
        const fits = wanted.every((word) => texts[place].includes(word)) &&
          choices.every((one) => !one.value || first(row.cells[one.dataset.column]) === one.value);
        row.hidden = !fits;
        shown += fits;
      });
      told.textContent = shown === rows.length ? `${rows.length} rows` : `${shown} of ${rows.length} rows`;
    }
    form.hidden = false;
    form.onsubmit = (event) => event.preventDefault();
    form.oninput = apply;
    apply();
  }
  function reveal() {  // a link to a unit opens it
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.matches("details")) { target.open = true; target.scrollIntoView(); }
  }
  addEventListener("hashchange", reveal);
  reveal();
})();
