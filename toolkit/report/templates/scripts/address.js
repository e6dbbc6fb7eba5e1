// What the address says: `#` and what is open, then `?` and the filters of the list.

function readAddress() {
  const [name, filters] = location.hash.slice(1).split("?");
  return { name: decoded(name), filters: new URLSearchParams(filters || "") };
}

function decoded(name) {
  try {
    const plain = decodeURIComponent(name);
    return plain === "whole-model" ? "" : plain;
  } catch {
    return null;
  }
}

// The filters are kept when something else is opened: nothing is loaded, no step back is added.
function rememberFilters(filters) {
  const [name] = location.hash.split("?");
  const said = filters.toString();
  const hash = said ? `${name || "#"}?${said}` : name;
  if (hash !== location.hash) history.replaceState(null, "", hash || location.pathname);
}
