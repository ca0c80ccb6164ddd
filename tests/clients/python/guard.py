"""The official `openai` and `ollama` clients for Python against a guard; see ../README.md."""

import io
import json
import sys

import ollama
import openai

QUESTION = [{"role": "user", "content": "Who are you?"}]


def require(condition, message):
    if not condition:
        sys.exit(f"guard.py: {message}")


def with_openai(url, key, model):
    api = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=60)
    models = [entry.id for entry in api.models.list()]
    chat = api.chat.completions.create(model=model, messages=QUESTION)
    require(chat.choices[0].message.content, "openai: the chat has no content")
    text = ""
    for chunk in api.chat.completions.create(model=model, messages=QUESTION, stream=True):
        require(chunk.choices, "openai: a chunk without choices, which nobody asked for")
        text += chunk.choices[0].delta.content or ""
    require(text, "openai: the stream has no content")
    vectors = api.embeddings.create(model=model, input=["one", "two"]).data
    require(len(vectors) == 2 and vectors[0].embedding, "openai: embeddings are missing")
    sound = io.BytesIO(b"RIFF" + bytes(range(256)) * 40)
    sound.name = "sound.wav"
    said = api.audio.transcriptions.create(model=model, file=sound)
    require(said.text, "openai: the transcript is empty")
    return {"models": models, "chat": chat.choices[0].message.content, "stream": text, "transcript": said.text}


def with_ollama(url, key, model):
    api = ollama.Client(host=url, headers={"Authorization": f"Bearer {key}"}, timeout=60)
    models = [entry.model for entry in api.list().models]
    generated = api.generate(model=model, prompt="Who are you?")
    require(generated.response and generated.done, "ollama: nothing was generated")
    chat = api.chat(model=model, messages=QUESTION)
    require(chat.message.content, "ollama: the chat has no content")
    pieces = list(api.chat(model=model, messages=QUESTION, stream=True))
    text = "".join(piece.message.content or "" for piece in pieces)
    require(text and pieces[-1].done and len(pieces) > 1, "ollama: the stream is not whole")
    embedded = api.embed(model=model, input=["one", "two"])
    require(len(embedded.embeddings) == 2, "ollama: embeddings are missing")
    try:
        api.delete(model)
        sys.exit("guard.py: ollama: a user deletes models")
    except ollama.ResponseError as error:
        require(error.status_code == 403, f"ollama: {error.status_code} for what is an administrator's")
    try:
        ollama.Client(host=url, timeout=60).list()
        sys.exit("guard.py: ollama: somebody without a key is let in")
    except ollama.ResponseError as error:
        require(error.status_code == 401, f"ollama: {error.status_code} without a key")
    return {"models": models, "generate": generated.response, "chat": chat.message.content, "stream": text}


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: guard.py URL KEY MODEL")
    print(json.dumps({"openai": with_openai(*sys.argv[1:]), "ollama": with_ollama(*sys.argv[1:])}))
