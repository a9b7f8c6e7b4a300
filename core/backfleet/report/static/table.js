"use strict";
// Tables that sort, filter and turn pages. <div data-table="name"> shows the data block "name".
(() => {
  const page = window.backfleet;
  const { element } = page;
  const PAGES = [10, 25, 50, 100, 250];
  // Characters: a longer text is wrapped, and one that would take many lines is cut.
  const MAX_LINE = 40, MAX_SHOWN = 120;
  const DEPTH = /^([ab]_)?max_drawdown$/;
  const SIGNED = new Set(["money", "percent", "ratio"]);

  // A column with `at(row)`: a number, a text, or null.
  const column = (block) => {
    if (block.numbers !== undefined) {
      const numbers = page.decode(block.numbers, block.type);
      const at = (row) => (Number.isNaN(numbers[row]) ? null : numbers[row]);
      return { ...block, isNumber: true, numbers, at };
    }
    const codes = page.decode(block.codes, block.type);
    return { ...block, isNumber: false, at: (row) => (codes[row] < 0 ? null : block.texts[codes[row]]) };
  };

  class DataTable {
    constructor(place) {
      const block = page.data(place.dataset.table);
      this.place = place;
      this.take(block);
      this.size = Number(place.dataset.size || 25);
      this.first = 0;
      this.sorted = { name: place.dataset.sort || "", down: place.dataset.down === "true" };
      this.listeners = [];
      this.render = {};
      this.openLabel = "Details of";
      this.view = Array.from({ length: this.rows }, (_, row) => row);
      this.build();
      this.input.value = place.dataset.filter || "";
      this.apply(this.input.value);
    }

    take(block) {
      this.rows = block.rows;
      this.columns = block.columns.map(column);
      this.shown = this.columns.filter((each) => each.shown);
    }

    // Other rows of the same columns; filter, order and page stay.
    update(block) {
      const first = this.first;
      this.take(block);
      this.apply(this.input.value);
      this.first = first < this.view.length ? first : 0;
      this.draw();
    }

    column(name) { return this.columns.find((each) => each.name === name); }

    // What is called whenever the filter changes the rows.
    onchange(listener) { this.listeners.push(listener); }

    build() {
      this.body = element("tbody");
      this.heads = this.shown.map((each) => this.head(each));
      const caption = element("caption", { className: "unseen", textContent: this.place.dataset.caption });
      const table = element("table", {}, caption,
        element("thead", {}, element("tr", {}, ...this.heads)), this.body);
      const scroll = element("div", { className: "scroll", tabIndex: 0 }, table);
      scroll.setAttribute("role", "region");
      scroll.setAttribute("aria-label", this.place.dataset.caption);
      this.place.append(this.toolbar(), scroll, this.pager());
    }

    head(each) {
      const button = element("button", { type: "button", textContent: each.label });
      if (each.tip) button.dataset.tip = each.tip;
      button.addEventListener("click", () => this.sort(each));
      const head = element("th", { scope: "col", className: each.isNumber ? "number" : "" }, button);
      head.dataset.column = each.name;
      return head;
    }

    toolbar() {
      this.input = element("input", { type: "search", spellcheck: false, autocomplete: "off" });
      this.input.placeholder = this.place.dataset.hint || "Filter";
      this.problem = element("p", { className: "hint" });
      this.problem.setAttribute("role", "status");
      let timer = 0;
      this.input.addEventListener("input", () => {
        clearTimeout(timer);
        timer = setTimeout(() => this.apply(this.input.value), 120);
      });
      const label = element("label", { className: "wide" }, "Filter", this.input);
      return element("div", { className: "controls" }, label, this.problem);
    }

    pager() {
      this.count = element("span");
      this.back = element("button", { type: "button", className: "button", textContent: "Previous" });
      this.next = element("button", { type: "button", className: "button", textContent: "Next" });
      this.back.addEventListener("click", () => this.turn(-1));
      this.next.addEventListener("click", () => this.turn(1));
      const sizes = element("select", {}, ...PAGES.map((size) =>
        element("option", { value: size, textContent: `${size} rows`, selected: size === this.size })));
      sizes.setAttribute("aria-label", "Rows on a page");
      sizes.addEventListener("change", () => {
        this.size = Number(sizes.value);
        this.first = 0;
        this.draw();
      });
      this.pages = element("div", { className: "pager" }, this.count, sizes, this.back, this.next);
      return this.pages;
    }

    turn(step) {
      this.first += step * this.size;
      this.draw();
    }

    sort(each) {
      const again = this.sorted.name === each.name;
      this.sorted = { name: each.name, down: again ? !this.sorted.down : each.isNumber };
      this.order();
      this.first = 0;
      this.draw();
    }

    // What has no value comes last, whichever way the rest goes.
    order() {
      const by = this.column(this.sorted.name);
      if (!by) return;
      const way = this.sorted.down ? -1 : 1;
      this.view.sort((left, right) => {
        const a = by.at(left), b = by.at(right);
        if (a === null || b === null) return (a === null) - (b === null) || left - right;
        if (a === b) return left - right;
        return (a < b ? -1 : 1) * way;
      });
    }

    apply(text) {
      let passes;
      try {
        passes = page.parseFilter(this.columns, text);
      } catch (error) {
        this.problem.textContent = `${error.message}.`;
        return;
      }
      this.problem.textContent = "";
      this.view = [];
      for (let row = 0; row < this.rows; row += 1) if (passes(row)) this.view.push(row);
      this.first = 0;
      this.order();
      this.draw();
      for (const listener of this.listeners) listener(this.view);
    }

    draw() {
      const rows = this.view.slice(this.first, this.first + this.size);
      this.body.replaceChildren(...rows.map((row) => this.line(row)));
      if (!rows.length) {
        const cell = element("td", { colSpan: this.shown.length, textContent: "No row passes the filter." });
        this.body.append(element("tr", { className: "none" }, cell));
      }
      for (const head of this.heads) {
        const mine = head.dataset.column === this.sorted.name;
        head.setAttribute("aria-sort", mine ? (this.sorted.down ? "descending" : "ascending") : "none");
      }
      const last = this.first + rows.length;
      const from = rows.length ? this.first + 1 : 0;
      const all = this.view.length === this.rows ? "" : ` (of ${this.rows.toLocaleString("en-US")})`;
      this.count.textContent =
        `${from.toLocaleString("en-US")}–${last.toLocaleString("en-US")} of ${this.view.length.toLocaleString("en-US")}${all}`;
      this.back.disabled = this.first === 0;
      this.next.disabled = last >= this.view.length;
      this.pages.hidden = this.rows <= PAGES[0] && this.view.length === this.rows;
    }

    line(row) {
      const line = element("tr", {}, ...this.shown.map((each, at) => this.cell(each, row, at)));
      line.dataset.row = row;
      return line;
    }

    cell(each, row, at) {
      const value = each.at(row);
      const cell = element("td", { className: each.isNumber ? "number" : "" });
      cell.dataset.column = each.name;
      if (at) cell.dataset.label = each.label;
      if (value !== null) cell.dataset.value = value;
      if (value < 0 && SIGNED.has(each.form) && !DEPTH.test(each.name)) cell.classList.add("loss");
      if (each.isNumber && value !== null) cell.title = String(value);
      if (this.render[each.name]) {
        cell.append(this.render[each.name](value, row));
      } else if (each.name === "status" && value) {
        cell.append(element("span", { className: `state ${value}`, textContent: value }));
      } else if (at === 0 && this.open) {
        const button = element("button", { type: "button", className: "link" });
        button.textContent = page.format(each.form, value);
        button.setAttribute("aria-label", `${this.openLabel} ${each.label} ${value}`);
        button.addEventListener("click", () => this.open(row));
        cell.append(button);
      } else {
        cell.textContent = page.format(each.form, value);
        if (!each.isNumber && value && value.length > MAX_LINE) {
          cell.classList.add(value.length > MAX_SHOWN ? "cut" : "long");
          cell.title = value;
        }
      }
      return cell;
    }
  }

  for (const place of document.querySelectorAll("[data-table]")) {
    page.tables[place.dataset.table] = new DataTable(place);
  }
})();
