"use strict";
// Filters over the columns of a table: "sharpe > 1, period <= 20, 600519".
(() => {
  const page = window.backfleet;
  const TERM = /^\s*([^<>=!~]+?)\s*(>=|<=|!=|=|>|<|~)\s*(.+?)\s*$/;

  const COMPARE = {
    ">": (a, b) => a > b,
    "<": (a, b) => a < b,
    ">=": (a, b) => a >= b,
    "<=": (a, b) => a <= b,
    "=": (a, b) => a === b,
    "!=": (a, b) => a !== b,
  };

  const number = (text) => {
    const match = /^(-?[\d_.]+(?:e[+-]?\d+)?)\s*(%?)$/i.exec(text);
    return match ? Number(match[1]) / (match[2] ? 100 : 1) : Number.NaN;
  };

  const columnOf = (columns, name) => {
    const lower = name.toLowerCase();
    return columns.find(
      (column) => column.name.toLowerCase() === lower || column.label.toLowerCase() === lower,
    );
  };

  const condition = (columns, name, operator, operand) => {
    const column = columnOf(columns, name);
    if (!column) throw new Error(`there is no column ${name}`);
    const text = operand.toLowerCase();
    if (operator === "~") return (row) => String(column.at(row) ?? "").toLowerCase().includes(text);
    const compare = COMPARE[operator];
    if (!column.isNumber) return (row) => compare(String(column.at(row) ?? "").toLowerCase(), text);
    const value = number(operand);
    if (Number.isNaN(value)) throw new Error(`${name} ${operator} wants a number, not ${operand}`);
    return (row) => column.at(row) !== null && compare(column.at(row), value);
  };

  const anywhere = (columns, text) => {
    const lower = text.toLowerCase();
    const texts = columns.filter((column) => !column.isNumber || column.name === "task");
    return (row) => texts.some((column) => String(column.at(row) ?? "").toLowerCase().includes(lower));
  };

  // A predicate over row numbers; throws an Error in words.
  page.parseFilter = (columns, text) => {
    const terms = text.split(/,|\band\b/i).map((term) => term.trim()).filter(Boolean);
    const tests = terms.map((term) => {
      const parts = TERM.exec(term);
      return parts ? condition(columns, parts[1], parts[2], parts[3]) : anywhere(columns, term);
    });
    return (row) => tests.every((test) => test(row));
  };
})();
