import { gateway, proof, sessionOver } from "../../client/api";
import { events } from "./events";

/** What is known of an answer so far. */
export interface Answer {
  text: string;
  /** What a reasoning model thought aloud, where the provider sends it. */
  thoughts: string;
  tools: string;
  served: string;
  callId: string;
  finish: string;
  /** Milliseconds. */
  firstByte: number | null;
  took: number | null;
  error: { message: string; code: string } | null;
  running: boolean;
}

export const NOTHING: Answer = {
  text: "",
  thoughts: "",
  tools: "",
  served: "",
  callId: "",
  finish: "",
  firstByte: null,
  took: null,
  error: null,
  running: true,
};

interface Delta {
  content?: string | null;
  reasoning_content?: string | null;
  tool_calls?: { index?: number; function?: { name?: string; arguments?: string } }[];
}

/** The part of an OpenAI answer or chunk that is shown. */
interface Said {
  model?: string;
  choices?: { delta?: Delta; message?: Delta; finish_reason?: string | null }[];
  error?: { message?: string; code?: string };
}

/** Calls a model as any client would, with the session instead of a key; tells of each step. */
export async function ask(body: Record<string, unknown>, tell: (answer: Answer) => void, signal: AbortSignal) {
  let answer = { ...NOTHING };
  const began = performance.now();
  const put = (change: Partial<Answer>) => {
    answer = { ...answer, ...change };
    tell(answer);
  };
  try {
    const response = await fetch(`${gateway}/v1/chat/completions`, {
      method: "POST",
      credentials: "same-origin",
      headers: { "content-type": "application/json", ...proof() },
      body: JSON.stringify(body),
      signal,
    });
    put({ callId: response.headers.get("x-faregate-call-id") ?? "" });
    // A provider may say 401, too; such a call was let in, and has an id.
    if (response.status === 401 && !response.headers.has("x-faregate-call-id")) sessionOver();
    if (!response.ok || !response.body) {
      const said = (await response.json().catch(() => ({}))) as Said;
      put({
        running: false,
        took: performance.now() - began,
        error: { message: said.error?.message ?? `HTTP ${response.status}`, code: said.error?.code ?? "" },
      });
      return;
    }
    if (body["stream"]) {
      for await (const data of events(response.body)) {
        if (data === "[DONE]") break;
        const said = JSON.parse(data) as Said;
        put({ ...taken(answer, said), firstByte: answer.firstByte ?? performance.now() - began });
        if (said.error) put({ error: { message: said.error.message ?? "The stream broke off", code: said.error.code ?? "" } });
      }
    } else put(taken(answer, (await response.json()) as Said));
    put({ running: false, took: performance.now() - began });
  } catch (error) {
    const stopped = signal.aborted;
    put({
      running: false,
      took: performance.now() - began,
      error: { message: stopped ? "Stopped" : error instanceof Error ? error.message : "It failed", code: "" },
    });
  }
}

function taken(answer: Answer, said: Said): Partial<Answer> {
  const choice = said.choices?.[0];
  const delta = choice?.delta ?? choice?.message;
  const tools = (delta?.tool_calls ?? [])
    .map((each) => `${each.function?.name ? `${answer.tools ? "\n" : ""}${each.function.name} ` : ""}${each.function?.arguments ?? ""}`)
    .join("");
  return {
    served: said.model || answer.served,
    text: answer.text + (delta?.content ?? ""),
    thoughts: answer.thoughts + (delta?.reasoning_content ?? ""),
    tools: answer.tools + tools,
    finish: choice?.finish_reason ?? answer.finish,
  };
}
