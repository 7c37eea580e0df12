/** What the form of a deployment holds, and what of it goes to the API. */

export type Signs = "key" | "entra" | "none";

export interface ModelDraft {
  provider: string;
  /** The deployment's name at the provider. */
  name: string;
  /** Empty: the name decides. */
  route: "" | "model_router" | "direct";
  modelName: string;
  apiBase: string;
  signs: Signs;
  apiKey: string;
  credential: "default" | "managed_identity" | "workload_identity" | "client_secret";
  tenantId: string;
  clientId: string;
  clientSecret: string;
  scope: string;
  mode: "" | "embedding";
  /** Fields that are passed on as they are, by their names. */
  more: Record<string, string>;
}

export const PROVIDERS = [
  { value: "azure_ai", label: "Azure AI Foundry" },
  { value: "azure", label: "Azure OpenAI" },
  { value: "openai", label: "OpenAI, or anything that speaks like it" },
  { value: "anthropic", label: "Anthropic" },
  { value: "cerebras", label: "Cerebras" },
  { value: "dashscope", label: "DashScope" },
  { value: "deepinfra", label: "DeepInfra" },
  { value: "deepseek", label: "DeepSeek" },
  { value: "fireworks_ai", label: "Fireworks" },
  { value: "groq", label: "Groq" },
  { value: "hosted_vllm", label: "vLLM" },
  { value: "hyperbolic", label: "Hyperbolic" },
  { value: "lm_studio", label: "LM Studio" },
  { value: "mistral", label: "Mistral" },
  { value: "moonshot", label: "Moonshot" },
  { value: "novita", label: "Novita" },
  { value: "nvidia_nim", label: "NVIDIA NIM" },
  { value: "ollama", label: "Ollama" },
  { value: "openrouter", label: "OpenRouter" },
  { value: "perplexity", label: "Perplexity" },
  { value: "sambanova", label: "SambaNova" },
  { value: "together_ai", label: "Together" },
  { value: "xai", label: "xAI" },
  { value: "zai", label: "Z.ai" },
] as const;

export const ADVANCED = [
  { name: "base_model", label: "Priced as", hint: "Where the name is not the model's" },
  { name: "discount", label: "Discount", hint: "0.1 is 10 %" },
  { name: "input_cost_per_token", label: "Own price, input", hint: "USD a token" },
  { name: "output_cost_per_token", label: "Own price, output", hint: "USD a token" },
  { name: "router_fee", label: "Own routing fee", hint: "USD a token" },
  { name: "on_unpriced", label: "When unpriced", hint: "allow, refuse_next or worst_case" },
  { name: "rpm", label: "Requests a minute", hint: "" },
  { name: "tpm", label: "Tokens a minute", hint: "" },
  { name: "max_parallel_requests", label: "Calls at once", hint: "" },
  { name: "timeout", label: "Timeout", hint: "Seconds" },
  { name: "order", label: "Order", hint: "Lower goes first" },
  { name: "weight", label: "Weight", hint: "Share of a shuffle" },
  { name: "api_version", label: "API version", hint: "Empty: the undated /openai/v1" },
] as const;

const WHOLE = new Set(["rpm", "tpm", "max_parallel_requests", "timeout", "order", "weight"]);

export const EMPTY: ModelDraft = {
  provider: "azure_ai",
  name: "",
  route: "",
  modelName: "",
  apiBase: "",
  signs: "key",
  apiKey: "",
  credential: "default",
  tenantId: "",
  clientId: "",
  clientSecret: "",
  scope: "global",
  mode: "",
  more: {},
};

/** The rule of the house: on Azure a name with "model-router" in it is one. */
export function soundsLikeRouter(draft: Pick<ModelDraft, "provider" | "name">): boolean {
  return draft.provider.startsWith("azure") && /model[-_]router/i.test(draft.name);
}

export function isRouter(draft: ModelDraft): boolean {
  return draft.route ? draft.route === "model_router" : soundsLikeRouter(draft);
}

/** The model string of a draft, as it would be written in a configuration. */
export function modelString(draft: ModelDraft): string {
  const name = draft.name.trim();
  if (!name) return "";
  const bare = name.replace(/^model_router\//, "");
  return isRouter(draft) && draft.provider === "azure_ai"
    ? `${draft.provider}/model_router/${bare}`
    : `${draft.provider}/${bare}`;
}

interface Before {
  params: Readonly<Record<string, unknown>>;
  model_info: Readonly<Record<string, unknown>>;
  model_name: string;
}

/** A draft for a stored deployment; its secrets stay where they are. */
export function draftOf(stored: Before, provider: string, upstream: string, signs: Signs): ModelDraft {
  const text = (name: string) => (stored.params[name] === undefined || stored.params[name] === null ? "" : String(stored.params[name]));
  return {
    ...EMPTY,
    provider,
    name: upstream,
    route: text("model").includes("/model_router/") ? "model_router" : (text("route") as ModelDraft["route"]),
    modelName: stored.model_name,
    apiBase: text("api_base"),
    signs,
    credential: (text("azure_credential") || "default") as ModelDraft["credential"],
    tenantId: text("tenant_id"),
    clientId: text("client_id"),
    scope: text("scope") || "global",
    mode: stored.model_info["mode"] === "embedding" ? "embedding" : "",
    more: Object.fromEntries(ADVANCED.map(({ name }) => [name, text(name)]).filter(([, value]) => value)),
  };
}

/** What the API is sent. Of one that is edited, an empty field is taken away, an empty secret stays. */
export function bodyOf(draft: ModelDraft, editing: boolean) {
  const params: Record<string, unknown> = {};
  const put = (name: string, value: unknown) => {
    if (value !== "" && value !== undefined) params[name] = value;
    else if (editing) params[name] = null;
  };
  const secret = (name: string, value: string, wanted: boolean) => {
    if (wanted && value.trim()) params[name] = value.trim();
    else if (!wanted && editing) params[name] = null;
  };
  put("model", modelString(draft));
  // A name that sounds like a router and is none must say so.
  put("route", draft.route === "direct" && soundsLikeRouter(draft) ? "direct" : isRouter(draft) && draft.provider !== "azure_ai" ? "model_router" : "");
  put("api_base", draft.apiBase.trim());
  put("scope", draft.scope === "global" ? "" : draft.scope);
  const entra = draft.signs === "entra";
  secret("api_key", draft.apiKey, draft.signs === "key");
  put("azure_credential", entra ? draft.credential : "");
  put("tenant_id", entra ? draft.tenantId.trim() : "");
  put("client_id", entra ? draft.clientId.trim() : "");
  secret("client_secret", draft.clientSecret, entra && draft.credential === "client_secret");
  for (const { name } of ADVANCED) {
    const value = (draft.more[name] ?? "").trim();
    put(name, value && WHOLE.has(name) && !Number.isNaN(Number(value)) ? Number(value) : value);
  }
  return {
    model_name: draft.modelName.trim() || draft.name.trim(),
    params,
    ...(draft.mode ? { model_info: { mode: draft.mode } } : editing ? { model_info: {} } : {}),
  };
}
