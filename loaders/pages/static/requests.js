/* The explorer of requests: one dimension at a time, since crossed ones would tell what is hidden. */
"use strict";
(() => {
  const data = eventmart.data.requests;
  const {
    $, axisOf, chosen, count, element, monthCells, monthRange, oneOf, put, save, write, MONTHS,
  } = eventmart.tools;
  const nMonths = data.months.length, ALL = { name: "All", requests: data.requests, closes: data.closes };
  const nameOf = (at) => `${MONTHS[Number(data.months[at].slice(5, 7)) - 1]} ${data.months[at].slice(0, 4)}`;
  const { state, set, go, toAddress } = chosen(
    () => ({ by: "", value: "", with: "", months: null }), {
      by: oneOf((text) => data.dimensions.some((one) => one.name === text)),
      value: oneOf((text) => valueOf(text)),
      with: oneOf((text) => valueOf(text)),
      months: monthRange(data.months.map((month) => month.slice(0, 7))),
    }, () => draw(),
  );
  const dimension = () => data.dimensions.find((one) => one.name === state.by) || data.dimensions[0];
  const valueOf = (name) => dimension().values.find((one) => one.name === name);

  /* Of the months chosen: a sum of what is shown, and how many are hidden. */
  const inside = (at) => !state.months || (at >= state.months[0] && at <= state.months[1]);
  const sum = (list) => list.reduce((total, n, at) => total + (inside(at) && n ? n : 0), 0);
  const nHidden = (list) => list.filter((n, at) => inside(at) && n === null).length;
  const atLeast = (list) => (nHidden(list) ? `at least ${count(sum(list))}` : count(sum(list)));

  const svg = $("months"), left = 52, width = 1100, top = 10, height = 160, bottom = top + height, step = (width - left) / nMonths;
  put(svg, "viewBox", `0 0 ${width} ${bottom + 22}`);
  const axis = element("g", { "aria-hidden": "true" }, svg), line = element("path", { class: "before" }, svg);
  const bars = data.months.map((_, at) => element("rect", { x: left + at * step + 1, width: Math.max(step - 2, 1) }, svg));
  const box = { left, top, step, height };
  const cells = monthCells(svg, nMonths, box, state, set, "Requests by month");
  data.months.forEach((_, at) => {
    if (at % Math.ceil(nMonths / 12) === 0) element("text", { x: left + at * step + 2, y: bottom + 15 }, svg, nameOf(at));
  });

  const rows = () => dimension().values.map((one) => [one.name, sum(one.requests), sum(one.closes), nHidden(one.requests)]);
  const draw = () => {
    const shown = valueOf(state.value) || ALL, other = valueOf(state.with);
    for (const [id, first] of [["value", "All"], ["with", "nothing"]]) {
      $(id).replaceChildren();
      element("option", { value: "" }, $(id), first);
      for (const one of dimension().values) element("option", { value: one.name }, $(id), one.name);
      $(id).value = state[id];
    }
    $("by").value = dimension().name;
    const top_ = Math.max(...shown.requests, ...(other ? other.requests : []));
    const y = axisOf(axis, top_, left, width, bottom, height);
    shown.requests.forEach((n, at) => {
      const isHidden = n === null, high = isHidden ? height : bottom - y(n);
      put(bars[at], "y", bottom - high); put(bars[at], "height", high);
      put(bars[at], "class", isHidden ? "hidden" : `now${inside(at) ? "" : " out"}${data.partial[at] ? " part" : ""}`);
      const few = "hidden, a small count or one that would tell of such a count";
      const part = data.partial[at] ? ", of a part of the month" : "";
      const words = isHidden ? few : `${count(n)} requests`;
      put(cells[at], "aria-label", `${nameOf(at)}: ${words}${part}`);
      put(cells[at], "aria-pressed", String(Boolean(state.months) && inside(at)));
    });
    /* With a gap where a month is hidden. */
    const drawn = (other ? other.requests : []).map((n, at, all) => {
      const isFirst = at === 0 || all[at - 1] === null;
      return n === null ? "" : `${isFirst ? "M" : "L"}${left + (at + 0.5) * step} ${y(n)}`;
    });
    put(line, "d", drawn.join(""));
    const n_ = nHidden(shown.requests);
    const hidden = n_ ? `; ${count(n_)} of the months are hidden` : "";
    const beside = other ? ` Line: ${other.name}, ${atLeast(other.requests)} requests.` : "";
    const sums = `${atLeast(shown.requests)} requests, ${atLeast(shown.closes)} closed`;
    write($("shown"), `${shown.name}: ${sums} in these months${hidden}.${beside}`);
    const body = $("values").tBodies[0];
    body.replaceChildren();
    for (const [name, n, nClosed, hidden] of rows()) {
      const row = element("tr", {}, body), head = element("th", { scope: "row" }, row);
      const pressed = String(name === state.value);
      const button = element("button", { type: "button", "aria-pressed": pressed }, head, name);
      button.addEventListener("click", () => set({ value: name === state.value ? "" : name }));
      for (const value of [n, nClosed, hidden]) element("td", { class: "n" }, row, count(value));
    }
    eventmart.explorer.shown = shown;
  };
  for (const one of data.dimensions) element("option", { value: one.name }, $("by"), one.title);
  $("by").addEventListener("change", () => set({ by: $("by").value, value: "", with: "" }));
  for (const id of ["value", "with"]) $(id).addEventListener("change", () => set({ [id]: $(id).value }));
  $("reset").addEventListener("click", () => go(""));
  $("csv-values").addEventListener("click", () => {
    const head = [dimension().name, "requests", "closes", "hidden_months"];
    save("requests.csv", [head, ...rows()]);
  });
  eventmart.explorer = { state, go, toAddress, sum, nHidden };
  go(location.hash.slice(1));
})();
