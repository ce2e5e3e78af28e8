// What the pages do beyond mdBook: mark quizzes, open the contents from the keyboard, let it reach what scrolls, break
// long names where they have joints, and name the cells of tables that a telephone shows as lists.
(() => {
  "use strict";

  // 1. Quizzes. Without this script the answer stands under "Answer" all the same.

  // Half of the last digit's unit to spare: "0.91" is met by 0.905 to 0.915, a whole number only by itself. Where a whole
  // number is asked for, "16,700" and "16 700" are 16700; elsewhere a comma is a decimal point.
  const isNumber = text => /^[-+−]?(\d+\.?\d*|\.\d+)(e[-+−]?\d+)?$/i.test(text);
  const value = text => Number(text.replaceAll("−", "-"));
  const meets = (given, right) => {
    const inThousands = /^\d+$/.test(right.trim()) && /^\d{1,3}([,\s]\d{3})+$/.test(given.trim());
    const number = inThousands ? given.replace(/[,\s]/g, "") : given;
    const [a, b] = [number, right].map(text => text.trim().replace(",", "."));
    if (!isNumber(a) || !isNumber(b)) return a.toLowerCase() === b.toLowerCase();
    const [mantissa, exponent = "0"] = b.toLowerCase().split("e");
    const decimals = (mantissa.split(".")[1] ?? "").length;
    if (decimals === 0) return value(a) === value(b);
    const unit = 10 ** (value(exponent) - decimals);
    return Math.abs(value(a) - value(b)) <= 0.501 * unit;
  };

  const mark = quiz => {
    const asked = quiz.querySelector("input:not([type])");
    if (asked) {
      if (asked.value.trim() === "") return ["", "Write a number first."];
      return meets(asked.value, asked.dataset.right) ? ["right", "Right."] : ["wrong", "Not that number."];
    }
    const inputs = [...quiz.querySelectorAll("input")];
    const chosen = inputs.filter(input => input.checked);
    if (chosen.length === 0) return ["", "Choose an answer first."];
    if (inputs.every(input => input.checked === ("right" in input.dataset))) return ["right", "Right."];
    const wrong = chosen.filter(input => !("right" in input.dataset)).map(input => input.value);
    if (wrong.length > 0) return ["wrong", `Not right: ${wrong.join(", ")}.`];
    return ["wrong", "Right so far, but not all."];
  };

  for (const quiz of document.querySelectorAll(".quiz")) {
    const button = document.createElement("button");
    button.type = "submit";
    button.textContent = "Check";
    const verdict = document.createElement("span");
    verdict.className = "verdict";
    verdict.setAttribute("role", "status");
    const line = document.createElement("p");
    line.append(button, verdict);
    quiz.querySelector(".answer").before(line);
    quiz.addEventListener("submit", event => {
      event.preventDefault();
      const [state, words] = mark(quiz);
      quiz.dataset.state = state;
      verdict.textContent = words;
      if (state === "right") quiz.querySelector(".answer").open = true;
    });
    quiz.addEventListener("input", () => {
      quiz.dataset.state = "";
      verdict.textContent = "";
    });
  }

  // 2. The button of the contents. mdBook's listener shows what the closing animation hides, and looks at the box
  // first; this one is added later, so it runs after it, and in the same turn, so no animation ends in between.
  document.getElementById("mdbook-sidebar-toggle")?.addEventListener("click", () => {
    document.getElementById("mdbook-sidebar-toggle-anchor").click();
  });

  // 3. A box that scrolls can be reached and moved with the keyboard, and only then is a stop on the way; and it shows
  // that it goes on at the right, until its end is in sight.
  const boxes = document.querySelectorAll(".scroll, pre > code, .table-wrapper, math[display=block]");
  const more = box => {
    box.toggleAttribute("data-more", box.scrollLeft + box.clientWidth < box.scrollWidth - 2);
  };
  const reach = () => {
    for (const box of boxes) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
      more(box);
    }
  };
  for (const box of boxes) box.addEventListener("scroll", () => more(box), { passive: true });
  // A box in a closed answer or hint has no width before it is opened.
  for (const details of document.querySelectorAll("main details")) details.addEventListener("toggle", reach);
  reach();
  window.addEventListener("resize", reach);
  window.addEventListener("load", reach);

  // 4. Where a line may end. A long name or path breaks behind `/`, `_` and `::` before it breaks within a word; the
  // names in an expression, a short name, an option and a number such as 2e-9 stay whole.
  const whole = text => {
    const span = document.createElement("span");
    span.className = "unbroken";
    span.textContent = text;
    return span;
  };
  // The text's odd parts, those that the pattern's group found, stay whole.
  const keep = (text, pattern) => text.split(pattern).map((part, i) => (i % 2 === 1 ? whole(part) : part));

  const isName = /^[\w:]+$|^[\w.:-]*\/[\w.:/-]*$/;
  for (const code of document.querySelectorAll("main :not(pre) > code")) {
    const text = code.textContent;
    code.classList.toggle("unbroken", text.length <= 12);
    if (text.length < 16 || code.childElementCount > 0) continue;
    const parts = isName.test(text)
      ? text.split(/(?<=[/_]|::)/).flatMap((part, i) => (i === 0 ? part : [document.createElement("wbr"), part]))
      : keep(text, /(?<!\S)(--[\w-]+|\S=)(?!\S)/);
    code.replaceChildren(...parts);
  }

  const texts = document.createTreeWalker(document.querySelector("main") ?? document.body, NodeFilter.SHOW_TEXT);
  const numbers = [];
  while (texts.nextNode()) {
    const text = texts.currentNode;
    if (/\de-\d/.test(text.data) && !text.parentElement.closest("code, math, svg, .unbroken")) numbers.push(text);
  }
  for (const text of numbers) text.replaceWith(...keep(text.data, /([\d.]+e-\d+)/));

  // 5. Tables of sentences, that is of three columns or more, two of them long. They do not fit a telephone: book.css puts
  // a row's cells below one another there, and before each the name of its column. What is no longer laid out as a table
  // may lose its roles, so they are written down.
  const roles = { thead: "rowgroup", tbody: "rowgroup", tr: "row", th: "columnheader", td: "cell" };
  for (const table of document.querySelectorAll("main table")) {
    const names = [...table.querySelectorAll("thead th")].map(head => head.textContent);
    const cells = [...table.querySelectorAll("tbody td")];
    const long = new Set(cells.map((cell, i) => cell.textContent.length > 20 && i % names.length));
    long.delete(false);
    if (names.length < 3 || long.size < 2) continue;
    table.classList.add("sentences");
    table.setAttribute("role", "table");
    for (const [name, role] of Object.entries(roles)) {
      for (const part of table.querySelectorAll(name)) part.setAttribute("role", role);
    }
    cells.forEach((cell, i) => { cell.dataset.column = names[i % names.length]; });
  }
})();
