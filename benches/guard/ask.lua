-- A short question, with the key of the environment.
wrk.method = "POST"
wrk.path = "/v1/chat/completions"
wrk.headers["content-type"] = "application/json"
wrk.headers["authorization"] = "Bearer " .. os.getenv("KEY")
wrk.body = '{"model":"demo","messages":[{"role":"system","content":"You are a helpful assistant."},'
    .. '{"role":"user","content":"What is the capital of France?"}],"max_tokens":64,"temperature":0.7}'

function done(summary, latency)
    local seconds = summary.duration / 1e6
    io.write(string.format("result %d %d\n", summary.requests / seconds, latency:percentile(50)))
end
