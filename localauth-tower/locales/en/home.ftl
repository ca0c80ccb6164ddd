# The home page.
home-title = Home
home-keys = { $n ->
    [one] key
   *[other] keys
}
home-requests = { $n ->
    [one] request in 30 days
   *[other] requests in 30 days
}
home-tokens = { $n ->
    [one] token in 30 days
   *[other] tokens in 30 days
}
home-tightest = The limit you are closest to
home-all-limits = All that limits you
home-shared = You signed in with a shared key
home-shared-about = Behind it stands no account: there are no keys, no usage and no password of your own, but everything administrators can do. Give everybody an account, and you see who uses what.
home-shared-users = Add users
home-shared-invites = Invite somebody
home-shared-keys = Replace the shared keys
home-begin = How to use this server
home-url = Base URL
home-key = Key
home-key-name = My key
home-key-label = Name of the key
home-key-make = Make a key
home-key-hint = It is shown once, in these lines, ready to be copied.
home-key-more = Make one that may do less
home-key-not = Keys are made with an account. Here you can use the one you have.
home-snippets = Programs
home-env = Put your key into the environment, then each of these runs as it stands:
home-no-model = No model is open to you at the moment. Write its name in place of MODEL, or ask an administrator.
home-try = Try a model
home-talk = Conversation
home-model = Model
home-message = Message
home-send = Send
home-stop = Stop
home-try-hint = This counts as your usage, and your limits hold.
home-try-no-model = There is no model that you may use. Ask an administrator to open one for you.
home-try-refused = You may not use chat here. Ask an administrator for the feature "chat", or sign in with your account in place of a key.
home-broken = The answer broke off. Try again.
error-try-nowhere = No model answers here.
error-try-empty = Write a message first.
error-try-unread = The model answered something that cannot be shown. Try again, or choose another model.
error-try-feature = You may not use chat here. Ask an administrator for the feature "chat".
error-try-model = You may not use this model. Choose another one, or ask an administrator.
error-try-no-model = There is no such model here. Choose another one.
error-try-limited = One of your limits is used up. Try again in { $seconds } seconds, or look under Usage what limits you.
error-try-used-up = One of your limits is used up, or too many are waiting. Look under Usage what limits you.
error-try-bad = The model does not take this message. Shorten or change it and try again.
error-try-server = The model does not answer at the moment. Try again in a while; an administrator can see why.
