// Scores of the search. A main entry of the index that is typed in full finds its page first.
// A part of such a name, for example "cosine" or "scheduler", must not: Sphinx would give it a score of 50 to 99.
var Scorer = {
  // A page whose title begins with the query comes first, then one whose title contains it. Of
  // equal names, that of `import paramsched as ps` comes first.
  score: ([docname, title, anchor, descr, score, filename, kind]) => {
    const query = (new URLSearchParams(location.search).get("q") || "").trim().toLowerCase();
    // The pages of codes contain every word of the documentation, so they come last unless a code is typed.
    if (docname.startsWith("_generated/checks") && !/\bps\d/.test(query)) return score - 1000;
    // Only whole words count: "warmup" is not a word of "GradualWarmupScheduler".
    const word = new RegExp(`(?<!\\w)${query.replace(/[^\w\s]/g, "\\$&")}`);
    const place = anchor === "" ? title.toLowerCase().search(word) : -1;
    if (place === 0) return score + 100;
    if (kind === "index" && score < 100) return 1;
    if (place > 0) return score + 50;
    const isMain = /^reference\/(python-(plan|trace|scheduler)|shapes.*)$/.test(docname);
    return kind === "object" && isMain ? score + 5 : score;
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
