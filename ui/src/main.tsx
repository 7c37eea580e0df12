import "./styles/base.css";
import "./styles/kit.css";
import "./styles/shell.css";
import { createRoot } from "react-dom/client";
import { App } from "./app/App";

// The base is relative in the page; from here on the address changes without loading it again.
const base = document.querySelector("base");
if (base) base.href = document.baseURI;

const root = document.getElementById("root");
if (root) createRoot(root).render(<App />);
