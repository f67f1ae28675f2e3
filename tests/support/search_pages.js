// Print the pages that the search of built pages finds, best first: node search_pages.js FOLDER QUERY...
const fs = require("fs");
const vm = require("vm");
const [folder, ...queries] = process.argv.slice(2);
const page = { location: {}, URLSearchParams, SPHINX_HIGHLIGHT_ENABLED: false, _: (text) => text };
page.window = page;
page.localStorage = { setItem() {} };
page.document = { getElementById: () => null, documentElement: { dataset: {} }, addEventListener() {}, readyState: "loading" };
page.DOCUMENTATION_OPTIONS = {};
page._ready = () => {};
vm.createContext(page);
for (const name of ["_static/language_data.js", "_static/searchtools.js", "searchindex.js"]) {
  const code = fs.readFileSync(`${folder}/${name}`, "utf8").replace("const Search = ", "var Search = ");
  vm.runInContext(code, page);
}
for (const query of queries) {
  page.location.search = `?q=${encodeURIComponent(query)}`;
  page.query = query;
  const found = vm.runInContext("Search._performSearch(...Search._parseQuery(query))", page);
  console.log(JSON.stringify([...new Set(found.reverse().map(([name]) => name))]));
}
