// How the script of a page to play with is linted: python tools/write_page_script.py > page.js && npx eslint page.js
import js from "@eslint/js";

const names = "structuredClone document location history addEventListener matchMedia navigator print atob";
const globals = Object.fromEntries(names.split(" ").map((name) => [name, "readonly"]));
const stricter = {"prefer-const": "error", eqeqeq: "error", "no-var": "error"};

export default [
  {
    ...js.configs.recommended,
    languageOptions: {sourceType: "script", ecmaVersion: 2024, globals},
    rules: {...js.configs.recommended.rules, ...stricter},
  },
];
