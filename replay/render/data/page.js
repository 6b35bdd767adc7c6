"use strict";
(() => {
  const form = document.getElementById("filters");
  const search = document.getElementById("search");
  const count = document.getElementById("count");
  const comparison = document.getElementById("comparison");
  const findings = [...document.querySelectorAll(".finding")];
  const rows = [...document.querySelectorAll("tbody tr")];
  const checked = (name) =>
    new Set([...form.querySelectorAll(`input[name=${name}]:checked`)].map((box) => box.value));

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const severities = checked("severity");
    const grades = checked("grade");
    const tests = form.querySelector("input[name=tests]") && checked("tests");
    const has = (text) => words.every((word) => text.includes(word));
    let shown = 0;
    for (const finding of findings) {
      const data = finding.dataset;
      const fits = severities.has(data.severity) && grades.has(data.grade) && has(data.text)
        && (!tests || tests.has(data.tests))
        && (comparison.value === "" || comparison.value === data.comparison);
      finding.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    for (const row of rows) row.hidden = !has(row.dataset.text);
    for (const group of document.querySelectorAll(".comparison")) {
      const members = [...group.querySelectorAll(".finding")];
      group.hidden = members.length > 0 && members.every((member) => member.hidden);
    }
    count.textContent = `${shown} of ${findings.length} findings shown`;
  }

  function follow() {
    for (const chosen of document.querySelectorAll(".chosen")) chosen.classList.remove("chosen");
    let name = "";
    try { name = decodeURIComponent(location.hash.slice(1)); } catch { return; }
    const target = name && document.getElementById(name);
    if (!target || !target.classList.contains("finding")) return;
    if (target.hidden) { form.reset(); filter(); }
    target.classList.add("chosen");
    const details = target.querySelector("details");
    details.open = true;
    details.querySelector("summary").focus({ preventScroll: true });
    target.scrollIntoView({ block: "start" });
  }

  const copy = document.getElementById("copy");
  if (copy) {
    const table = document.getElementById("moved");
    const lines = () => [...table.rows].filter((row) => !row.hidden)
      .map((row) => [...row.cells].map((cell) => cell.textContent).join("\t"));
    copy.addEventListener("click", async () => {
      const told = document.getElementById("copied");
      try {
        await navigator.clipboard.writeText(lines().join("\n"));
        told.textContent = "copied";
      } catch {
        // Where a page may not write there: select it, for the person to copy.
        getSelection().selectAllChildren(table);
        told.textContent = "selected: copy it now";
      }
    });
    copy.hidden = false;
  }
  for (const kind of ["input", "change"]) form.addEventListener(kind, filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof Element && event.target.closest("input, select");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      search.focus();
    }
  });
  window.addEventListener("hashchange", follow);
  form.hidden = false;
  filter();
  follow();
})();
