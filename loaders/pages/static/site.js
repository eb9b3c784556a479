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

/* What explorers are made of. */
(() => {
  const $ = (id) => document.getElementById(id);
  const SVG = "http://www.w3.org/2000/svg";
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  /* Made once: making one takes longer than all else. */
  const FORMS = [0, 1, 2].map((digits) => new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
  const count = (value) => FORMS[0].format(Math.round(value));
  const number = (value) => FORMS[value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2].format(value);
  /* Elements: text is always text, never markup. */
  const element = (name, attributes, parent, text) => {
    const isDrawn = parent && parent.namespaceURI === SVG;
    const made = isDrawn ? document.createElementNS(SVG, name) : document.createElement(name);
    for (const key in attributes) made.setAttribute(key, attributes[key]);
    if (text !== undefined) made.textContent = text;
    if (parent) parent.append(made);
    return made;
  };

  /* What stays as it is costs nothing. */
  const put = (node, name, value) => { if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value); };
  const write = (node, text) => { if (node.textContent !== text) node.textContent = text; };

  /* What is chosen, in the address behind #: how each word is written, and read. What is
     not there, or makes no sense, is as `nothing` has it. */
  const chosen = (nothing, words, draw) => {
    const state = nothing();
    const toAddress = () => {
      const said = new URLSearchParams();
      for (const [name, [written]] of Object.entries(words)) {
        const text = written(state[name]);
        if (text) said.set(name, text);
      }
      return said.toString();
    };
    const show = () => {
      const hash = toAddress();
      const at = `${location.pathname}${location.search}${hash ? `#${hash}` : ""}`;
      history.replaceState(history.state, "", at);
      draw();
    };
    const set = (change) => { Object.assign(state, change); show(); };
    const go = (hash) => {
      const said = new URLSearchParams(hash);
      Object.assign(state, nothing());
      for (const [name, [, read]] of Object.entries(words)) {
        const value = said.has(name) ? read(said.get(name)) : undefined;
        if (value !== undefined && value !== false) state[name] = value;
      }
      show();
    };
    addEventListener("hashchange", () => go(location.hash.slice(1)));
    return { state, set, go, toAddress };
  };
  /* Of the words of an address: itself, if it is one of those. */
  const oneOf = (isOne) => [(text) => text, (text) => isOne(text) && text];
  /* Months from and to, by what they are called in the address. */
  const monthRange = (keys) => [
    (months) => months && months.map((at) => keys[at]).join("_"),
    (text) => {
      const months = text.split("_").map((key) => keys.indexOf(key));
      return months.length === 2 && months[0] >= 0 && months[0] <= months[1] && months;
    },
  ];
  /* The lines of an axis, drawn anew; how high a figure stands is returned. */
  const axisOf = (axis, top, left, width, bottom, height) => {
    const marks = ticks(top), high = marks[marks.length - 1] || 1;
    const y = (n) => bottom - (n / high) * height;
    axis.replaceChildren();
    for (const mark of marks) {
      element("line", { class: "grid", x1: left, x2: width, y1: y(mark), y2: y(mark) }, axis);
      const place = { x: left - 6, y: y(mark) + 4, "text-anchor": "end" };
      element("text", place, axis, count(mark));
    }
    return y;
  };

  /* A grid of cells, chosen by dragging, or by arrow keys and shift. */
  const brushed = (svg, columns, rows, at, read, changed, words) => {
    const cells = [];
    svg.setAttribute("role", "group");
    const keys = "arrow keys move, space chooses, shift extends, escape clears";
    svg.setAttribute("aria-label", `${words}: ${keys}`);
    let from = null;
    const choose = (a, b) => changed([Math.min(a[0], b[0]), Math.max(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[1], b[1])]);
    const inside = (event) => {
      const box = svg.getBoundingClientRect(), view = svg.viewBox.baseVal;
      return at((event.clientX - box.left) * view.width / box.width, (event.clientY - box.top) * view.height / box.height);
    };
    svg.addEventListener("pointerdown", (event) => {
      if (!event.target.dataset.cell) return;
      from = inside(event); svg.setPointerCapture(event.pointerId); svg.moved = false;
    });
    svg.addEventListener("pointermove", (event) => {
      const to = from && inside(event);
      if (to && (svg.moved || to[0] !== from[0] || to[1] !== from[1])) { svg.moved = true; choose(from, to); }
    });
    svg.addEventListener("pointerup", () => {
      const was = read();
      if (from && !svg.moved) was && was.join() === [from[0], from[0], from[1], from[1]].join() ? changed(null) : choose(from, from);
      from = null;
    });
    svg.addEventListener("pointercancel", () => { from = null; });
    let anchor = null;
    svg.addEventListener("keydown", (event) => {
      const focused = document.activeElement.dataset.cell;
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!focused) return;
      const here = focused.split(",").map(Number);
      if (event.key === " " || event.key === "Enter") { anchor = here; choose(here, here); } else if (event.key === "Escape") changed(null);
      else if (step) {
        const to = [Math.max(0, Math.min(columns - 1, here[0] + step[0])), Math.max(0, Math.min(rows - 1, here[1] + step[1]))];
        if (!event.shiftKey) anchor = null; else { anchor = anchor || here; choose(anchor, to); }
        focusOn(cells, cells[to[1] * columns + to[0]]);
      } else return;
      event.preventDefault();
    });
    return cells;
  };
  /* Months in a row, to be chosen from and to. */
  const monthCells = (svg, n, { left, top, step, height }, state, set, words) => {
    const at = (x) => [Math.max(0, Math.min(n - 1, Math.floor((x - left) / step))), 0];
    const read = () => state.months && [...state.months, 0, 0];
    const changed = (range) => set({ months: range && range.slice(0, 2) });
    const cells = brushed(svg, n, 1, at, read, changed, words);
    for (let month = 0; month < n; month++) {
      cells.push(element("rect", {
        class: "hit", x: left + month * step, y: top, width: step, height,
        role: "button", tabindex: month ? -1 : 0, "data-cell": `${month},0`,
      }, svg));
    }
    return cells;
  };
  const focusOn = (all, one) => {
    for (const other of all) if (other) other.setAttribute("tabindex", other === one ? "0" : "-1");
    one.focus();
  };
  /* Round limits of an axis. */
  const ticks = (top) => {
    const rough = Math.max(top, 1) / 4, power = 10 ** Math.floor(Math.log10(rough));
    const isWhole = (one) => Number.isInteger(Math.max(one, 1));
    const steps = [1, 2, 2.5, 5, 10].map((one) => one * power);
    const step = Math.max(1, steps.find((one) => one >= rough && isWhole(one)));
    return Array.from({ length: Math.ceil(top / step) + 1 || 1 }, (_, at) => at * step);
  };

  /* Up to five classes with the same number of values; nothing is a class of its own. */
  const classes = (values) => {
    const sorted = values.filter((one) => one > 0).sort((a, b) => a - b);
    return [...new Set([0, 1, 2, 3, 4].map((at) => sorted[Math.floor((sorted.length * at) / 5)]))].filter((one) => one !== undefined);
  };
  const shade = (value, from) => {
    const above = from.filter((one) => value >= one).length;
    return `var(--heat-${value > 0 ? Math.max(1, above + (5 - from.length)) : 0})`;
  };
  const explain = (list, from, values, unit) => {
    const isWholeNumber = values.every((one) => one === null || Number.isInteger(one)), form = isWholeNumber ? count : number;
    list.replaceChildren();
    const add = (kind, fill, words) => {
      const item = element("li", {}, list);
      element("i", { class: kind, style: fill ? `background:${fill}` : "" }, item);
      item.append(words);
    };
    if (values.some((one) => one === 0)) add("", "var(--heat-0)", "0");
    from.forEach((low, at) => {
      const end = at === from.length - 1 ? Infinity : from[at + 1];
      const high = Math.max(...values.filter((one) => one !== null && one >= low && one < end));
      add("", shade(low, from), low === high ? form(low) : `${form(low)} to ${form(high)}`);
    });
    if (unit) element("li", {}, list, unit);
    return add;
  };

  /* A text that a spreadsheet would run gets an apostrophe. */
  const field = (value) => {
    if (value === null || typeof value === "number") return value === null ? "" : String(value);
    return `"${(/^[=+\-@\t\r]/.test(value) ? "'" : "") + value.replace(/"/g, '""')}"`;
  };
  const save = (name, rows) => {
    const text = rows.map((row) => `${row.map(field).join(",")}\r\n`).join("");
    const href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    const link = element("a", { href, download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  window.eventmart = { data: {}, tools: {
    $, axisOf, brushed, chosen, classes, count, element, explain, focusOn, monthCells,
    monthRange, number, oneOf, put, save, shade, write, MONTHS,
  } };
})();
