// The openai package for Node: an answer, a stream, a tool, embeddings, Azure's paths, errors.
import OpenAI, { AzureOpenAI } from "openai";

const url = process.env.GATEWAY;
const apiKey = process.env.KEY;
const model = "azure-model-router";
const ask = (content) => [{ role: "user", content }];

const client = new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });

const { data: answer, response, request_id: requestId } = await client.chat.completions
  .create({ model, messages: ask("Say hello") })
  .withResponse();

let streamed = "";
let usages = 0;
let streamedDetails = null;
const stream = await client.chat.completions.create({
  model,
  messages: ask("Say good morning"),
  stream: true,
  stream_options: { include_usage: true },
});
for await (const chunk of stream) {
  streamed += chunk.choices[0]?.delta?.content ?? "";
  if (chunk.usage) {
    usages += 1;
    streamedDetails = chunk.usage.cost_details;
  }
}

const called = await client.chat.completions.create({
  model,
  messages: ask("What is the weather in Paris?"),
  tools: [
    {
      type: "function",
      function: {
        name: "get_weather",
        description: "The weather of a city",
        parameters: {
          type: "object",
          properties: { city: { type: "string" } },
          required: ["city"],
        },
      },
    },
  ],
});
const call = called.choices[0].message.tool_calls[0].function;

const embedded = await client.embeddings.create({ model: "text-embedding-3-small", input: "one" });

const azure = new AzureOpenAI({ endpoint: url, apiKey, apiVersion: "2024-10-21", maxRetries: 0 });
const azureAnswer = await azure.chat.completions.create({
  model: "nano",
  messages: ask("Say hello"),
});

const models = [];
for await (const each of client.models.list()) models.push(each.id);

const errors = [];
const stranger = new OpenAI({ baseURL: `${url}/v1`, apiKey: "sk-nobody", maxRetries: 0 });
for (const [who, wanted] of [
  [stranger, model],
  [client, "gpt-17"],
  [client, "once"],
]) {
  try {
    await who.chat.completions.create({ model: wanted, messages: ask("Say hello") });
    errors.push(null);
  } catch (error) {
    errors.push([error.constructor.name, error.status, error.code]);
  }
}

console.log(
  JSON.stringify({
    text: answer.choices[0].message.content,
    model: answer.model,
    cost: answer.usage.cost,
    details: answer.usage.cost_details,
    header: response.headers.get("x-faregate-cost"),
    requestId,
    streamed,
    streamedDetails,
    usages,
    tool: call.name,
    arguments: JSON.parse(call.arguments),
    vector: embedded.data[0].embedding.length,
    azure: azureAnswer.choices[0].message.content,
    models,
    errors,
  }),
);
