/** The same call from elsewhere. */

/** Longer than this a word of a command need not be taken. */
const LONGEST_WORD = 30_000;

export function curl(base: string, body: unknown): string {
  const text = JSON.stringify(body);
  const data =
    text.length > LONGEST_WORD
      ? `--data-binary @- <<'END'\n${text}\nEND` // JSON is one line, so END ends it
      : `-d '${text.replaceAll("'", `'\\''`)}'`;
  return `curl ${base}/v1/chat/completions \\
  -H "Authorization: Bearer $FAREGATE_KEY" \\
  -H "Content-Type: application/json" \\
  ${data}`;
}

/** JSON as a Python literal. */
export function pythonic(value: unknown, indent = 4): string {
  const pad = " ".repeat(indent);
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value))
    return value.length ? `[\n${value.map((each) => `${pad}    ${pythonic(each, indent + 4)},\n`).join("")}${pad}]` : "[]";
  if (typeof value === "object")
    return `{${Object.entries(value as object)
      .map(([name, each]) => `${JSON.stringify(name)}: ${pythonic(each, indent)}`)
      .join(", ")}}`;
  return JSON.stringify(value);
}

export function python(base: string, body: Record<string, unknown>): string {
  const args = Object.entries(body).map(([name, value]) => `    ${name}=${pythonic(value)},\n`);
  const end = body["stream"]
    ? `for chunk in answer:
    if chunk.choices and chunk.choices[0].delta.content:
        print(chunk.choices[0].delta.content, end="")`
    : "print(answer.choices[0].message.content)";
  return `import os

from openai import OpenAI

client = OpenAI(base_url="${base}/v1", api_key=os.environ["FAREGATE_KEY"])
answer = client.chat.completions.create(
${args.join("")})
${end}
`;
}

export function node(base: string, body: Record<string, unknown>): string {
  const end = body["stream"]
    ? `for await (const chunk of answer) process.stdout.write(chunk.choices[0]?.delta?.content ?? "");`
    : "console.log(answer.choices[0].message.content);";
  return `import OpenAI from "openai";

const client = new OpenAI({ baseURL: "${base}/v1", apiKey: process.env.FAREGATE_KEY });
const answer = await client.chat.completions.create(${JSON.stringify(body, null, 2)});
${end}
`;
}
