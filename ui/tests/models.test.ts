import { describe, expect, it } from "vitest";
import { bodyOf, draftOf, EMPTY, isRouter, type ModelDraft, modelString } from "../src/features/models/draft";

const draft = (change: Partial<ModelDraft>): ModelDraft => ({ ...EMPTY, ...change });

describe("the naming rule", () => {
  it.each([
    ["azure_ai", "my-model-router", "", "azure_ai/model_router/my-model-router"],
    ["azure_ai", "Team_Model_Router", "", "azure_ai/model_router/Team_Model_Router"],
    ["azure_ai", "model_router/x", "", "azure_ai/model_router/x"],
    ["azure_ai", "chooser", "", "azure_ai/chooser"],
    ["azure_ai", "chooser", "model_router", "azure_ai/model_router/chooser"],
    ["azure_ai", "my-model-router", "direct", "azure_ai/my-model-router"],
    ["azure", "my-model-router", "", "azure/my-model-router"],
    ["openai", "my-model-router", "", "openai/my-model-router"],
    ["azure_ai", " ", "", ""],
  ] as const)("%s, %s, %s is %s", (provider, name, route, string) =>
    expect(modelString(draft({ provider, name, route }))).toBe(string),
  );
  it("holds on Azure only", () => {
    expect(isRouter(draft({ provider: "openai", name: "model-router" }))).toBe(false);
    expect(isRouter(draft({ provider: "azure", name: "model-router" }))).toBe(true);
  });
  it("is gainsaid in so many words", () =>
    expect(bodyOf(draft({ name: "my-model-router", route: "direct" }), false).params["route"]).toBe("direct"));
});

describe("what is sent", () => {
  it("of a new one is what is filled in", () =>
    expect(bodyOf(draft({ name: "gpt-5-mini", apiBase: " https://h ", apiKey: " k ", more: { rpm: "60", discount: "0.1" } }), false)).toEqual({
      model_name: "gpt-5-mini",
      params: { model: "azure_ai/gpt-5-mini", api_base: "https://h", api_key: "k", rpm: 60, discount: "0.1" },
    }));
  it("of a changed one takes away what was emptied, and keeps a secret that is not typed again", () => {
    const { params } = bodyOf(draft({ name: "gpt-5-mini" }), true);
    expect(params["api_base"]).toBeNull();
    expect(params["rpm"]).toBeNull();
    expect("api_key" in params).toBe(false);
  });
  it("takes a key away when Entra ID takes its place", () => {
    const { params } = bodyOf(draft({ name: "x", signs: "entra", apiKey: "old" }), true);
    expect(params["api_key"]).toBeNull();
    expect(params["azure_credential"]).toBe("default");
  });
});

it("a stored deployment comes back as it was", () => {
  const sent = bodyOf(draft({ name: "chooser", route: "model_router", modelName: "any", scope: "data_zone_eu", more: { rpm: "7" } }), false);
  const back = draftOf({ ...sent, model_info: {} }, "azure_ai", "chooser", "key");
  expect(bodyOf(back, false)).toEqual(sent);
});
