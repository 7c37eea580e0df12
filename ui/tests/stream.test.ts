import { expect, it } from "vitest";
import { events } from "../src/features/playground/events";

const TEXT = 'data: {"a":"é"}\n\n: comment\n\ndata: {"b":1}\r\n\r\ndata: [DONE]\n\n';

it("a stream is read the same however it is cut", async () => {
  const bytes = new TextEncoder().encode(TEXT);
  for (let size = 1; size <= bytes.length; size++) {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
        controller.close();
      },
    });
    const found: string[] = [];
    for await (const each of events(body)) found.push(each);
    expect(found).toEqual(['{"a":"é"}', '{"b":1}', "[DONE]"]);
  }
});
