/* What all pages do: dark or light, kept in the address; sorted tables; words at a mark. */
"use strict";
(() => {
  const root = document.documentElement;
  const address = new URL(location.href);
  const named = address.searchParams.get("theme");
  if (named === "dark" || named === "light") root.dataset.theme = named;
  const isDark = () =>
    (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";

  /* Links to other pages keep the theme; what others keep in the address stays. */
  const carry = () => {
    for (const link of document.querySelectorAll("a[href]")) {
      const to = new URL(link.href, location.href);
      if (!root.dataset.theme || to.origin !== location.origin || !to.pathname.endsWith(".html")) continue;
      if (to.pathname === location.pathname && to.hash) continue;
      to.searchParams.set("theme", root.dataset.theme);
      link.href = to.href;
    }
  };
  const show = (button) => {
    button.setAttribute("aria-pressed", String(isDark()));
    button.textContent = "Dark";
  };
  const toggle = (button) => {
    root.dataset.theme = isDark() ? "light" : "dark";
    const here = new URL(location.href);
    here.searchParams.set("theme", root.dataset.theme);
    history.replaceState(history.state, "", here.href);
    show(button);
    carry();
    dispatchEvent(new Event("themechange"));
  };

  /* Figures sort as numbers: what stands before the limits in a cell. */
  const value = (cell, isText) => {
    if (isText) return cell.textContent.trim();
    const text = cell.textContent.replace(/−/g, "-").replace(/,/g, "");
    const found = text.match(/-?\d+(\.\d+)?/);
    return found ? Number(found[0]) : -Infinity;
  };
  const sort = (header) => {
    const table = header.closest("table");
    const at = [...header.parentNode.children].indexOf(header);
    const isText = !header.classList.contains("n");
    const was = header.getAttribute("aria-sort");
    const isDown = was ? was === "ascending" : !isText;
    for (const other of header.parentNode.children) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", isDown ? "descending" : "ascending");
    const compare = isText
      ? (a, b) => a.localeCompare(b, "en", { numeric: true })
      : (a, b) => a - b || 0;
    const rows = [...table.tBodies[0].rows].map((row) => [value(row.cells[at], isText), row]);
    rows.sort(([a], [b]) => (isDown ? compare(b, a) : compare(a, b)));
    table.tBodies[0].append(...rows.map(([, row]) => row));
  };

  /* The words of a mark, beside the pointer. */
  const tell = (event) => {
    const tip = document.getElementById("tip");
    const mark = event.target.closest && event.target.closest(
      ".picture [aria-label], .map path[aria-label], .chart rect[aria-label], [data-tip]"
    );
    const words = mark && (mark.dataset.tip || mark.getAttribute("aria-label"));
    tip.hidden = !words || mark.matches(".picture > svg");
    if (tip.hidden) return;
    tip.textContent = words;
    const left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
    tip.style.left = `${Math.max(4, left)}px`;
    tip.style.top = `${event.clientY + 18 + tip.offsetHeight > innerHeight ? event.clientY - tip.offsetHeight - 10 : event.clientY + 18}px`;
  };

  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    show(button);
    carry();
    button.addEventListener("click", () => toggle(button));
    document.addEventListener("click", (event) => {
      const header = event.target.closest("th");
      if (header && event.target.closest("button")) sort(header);
    });
    document.addEventListener("pointermove", tell);
  });
  /* On paper nothing can be opened. */
  addEventListener("beforeprint", () => {
    for (const one of document.querySelectorAll("details.prints")) one.open = true;
  });
})();
