"""The official `openai` client for Python against a running server; see ../README.md."""

import json
import sys

import openai

QUESTION = [{"role": "user", "content": "Who are you?"}]


def require(condition, message):
    if not condition:
        sys.exit(f"walk.py: {message}")


def client(base_url, key):
    return openai.OpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=60)


def counts(usage):
    if usage is None:
        return None
    return {name: getattr(usage, name) for name in ("prompt_tokens", "completion_tokens", "total_tokens")}


def chat(api, model, **options):
    answer = api.chat.completions.create(model=model, messages=QUESTION, **options)
    choice = answer.choices[0]
    require(choice.message.content, "the chat has no content")
    require(answer.usage is not None, "the chat has no usage")
    return {
        "what": "chat",
        "content": choice.message.content,
        "chunks": None,
        "finish_reason": choice.finish_reason,
        "usage": counts(answer.usage),
    }


def stream(api, model, what, **options):
    content, chunks, finish_reason, usage = "", 0, None, None
    for chunk in api.chat.completions.create(model=model, messages=QUESTION, stream=True, **options):
        chunks += 1
        require(chunk.choices or options, f"{what}: a chunk without choices, which nobody asked for")
        for choice in chunk.choices:
            content += choice.delta.content or ""
            finish_reason = choice.finish_reason or finish_reason
        usage = chunk.usage or usage
    require(content, f"{what} has no content")
    require(finish_reason, f"{what} has no finish_reason")
    require(usage or not options, f"{what} has no usage")
    return {
        "what": what,
        "content": content,
        "chunks": chunks,
        "finish_reason": finish_reason,
        "usage": counts(usage),
    }


def refusal(what, call, error_class, status, error_type, code, secret=None):
    """Sees `call` refused by exactly this error."""
    try:
        call()
    except openai.APIStatusError as error:
        require(type(error) is error_class, f"{what}: {type(error).__name__} instead of {error_class.__name__}: {error}")
        seen = (error.status_code, error.type, error.code, error.param)
        expected = (status, error_type, code, None)
        require(seen == expected, f"{what}: status, type, code, param are {seen}, not {expected}")
        require(isinstance(error.body, dict) and error.body.get("message"), f"{what}: no message in {error.body!r}")
        challenge = error.response.headers.get("www-authenticate", "")
        require(
            challenge.startswith("Bearer ") == (status == 401),
            f"{what}: the challenge of a {status} is {challenge!r}",
        )
        require(secret is None or secret not in error.response.text, f"{what}: the answer repeats the key")
        return {
            "what": what,
            "class": type(error).__name__,
            "status": error.status_code,
            "type": error.type,
            "code": error.code,
        }
    except openai.OpenAIError as error:
        sys.exit(f"walk.py: {what}: {type(error).__name__}: {error}")
    sys.exit(f"walk.py: {what} was let through")


def main(base_url, key, revoked_key, model="demo", admin_route="/models/status"):
    api = client(base_url, key)
    models = [entry.id for entry in api.models.list()]
    require(models, "the list of models is empty")
    answers = [
        chat(api, model),
        stream(api, model, "stream_with_usage", stream_options={"include_usage": True}),
        stream(api, model, "stream"),
    ]

    # The constructor insists on a key; a request leaves it out when told to.
    no_key = {"extra_headers": {"Authorization": openai.Omit()}}
    # The last character is part of the checksum.
    wrong_key = key[:-1] + ("a" if key[-1] != "a" else "b")
    authentication = (openai.AuthenticationError, 401, "authentication_error")
    missing = (*authentication, "missing_credentials")
    invalid = (*authentication, "invalid_api_key")
    forbidden = (openai.PermissionDeniedError, 403, "authorization_error", "admin_required")
    wrong, foreign, revoked = (client(base_url, it) for it in (wrong_key, "sk-not-ours", revoked_key))
    refusals = [
        refusal("no_key", lambda: api.models.list(**no_key), *missing),
        refusal("no_key_chat", lambda: chat(api, model, **no_key), *missing),
        refusal("wrong_key", wrong.models.list, *invalid, wrong_key),
        refusal("foreign_key", foreign.models.list, *invalid),
        refusal("revoked_key", lambda: chat(revoked, model), *invalid, revoked_key),
        refusal("revoked_key_stream", lambda: stream(revoked, model, "stream"), *invalid, revoked_key),
        refusal(
            "admin_route",
            lambda: api.post(admin_route, body={"model_id": model}, cast_to=object),
            *forbidden,
        ),
    ]
    print(
        json.dumps(
            {
                "client": "python",
                "version": openai.__version__,
                "models": models,
                "answers": answers,
                "refusals": refusals,
            }
        )
    )


if __name__ == "__main__":
    if not 4 <= len(sys.argv) <= 6:
        sys.exit("usage: walk.py BASE_URL KEY REVOKED_KEY [MODEL] [ADMIN_ROUTE]")
    main(*sys.argv[1:])
