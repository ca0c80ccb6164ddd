# Users, for administrators.
users-title = Users
users-person-title = User
users-search = Search by name or address
users-search-button = Search
users-tabs = Users by status
users-tab-all = All
users-tab-pending = Waiting
users-tab-active = Active
users-tab-disabled = Disabled
users-waiting = Waiting for approval
users-everybody = Everybody
users-none = There are no users yet. Invite somebody, or make a service account below.
users-none-so = No user matches. Search for something else, or choose “All”.
users-name = Name
users-email = Address
users-id = Id
users-role = Role
users-role-admin = Administrator
users-role-user = User
users-status = Status
users-status-active = Active
users-status-pending = Waiting
users-status-disabled = Disabled
users-provider = Signs in with
users-provider-local = Password
users-provider-github = GitHub
users-provider-oidc = OpenID Connect
users-provider-service = Keys only
users-tier = Tier
users-approve = Approve
users-decline = Decline
users-service-title = New service account
users-service-about = An account for a program: nobody signs in to it. Its first key is shown once, right after.
users-service-name = Name of the program
users-service-make = Make account and key
users-service-made-title = Service account made
users-service-made = The service account { $name } has its first key. Give it to the program now.
users-used = Usage in the last 30 days
users-used-requests = Requests
users-used-tokens = Tokens
users-used-cost = Cost
users-used-more = All usage
users-standing = Standing
users-standing-hint = Each change holds for their next request. A change of role ends their sessions. Acting as them lasts 15 minutes at most, and each line of the audit log then has both names.
users-self = This is you. Ask another administrator to change your role, status or password.
users-disable = Disable
users-enable = Enable
users-make-admin = Make administrator
users-make-user = Take the administrator role away
users-disable-title = Disable an account
users-disable-ask = Disable the account of { $name } ({ $email })?
users-disable-at-once = Their sessions end at once, and their keys do not work any more.
users-disable-back = Nothing of theirs is deleted. An administrator can enable the account again.
users-decline-title = Decline a user
users-decline-ask = Decline { $name } ({ $email })?
users-decline-stays = The account is disabled: they cannot sign in.
users-promote-ask = Make { $name } ({ $email }) an administrator?
users-promote-all = They may then do everything here: manage all users, keys, limits and prices, and make other administrators.
users-demote-ask = Take the administrator role away from { $name } ({ $email })?
users-demote-pages = From their next request on they reach nothing that is for administrators.
users-role-sessions = Their sessions end, and they sign in again.
users-impersonate = Act as this user
users-limits-none = No limits of their own. Those of their tier and of everyone still hold.
users-limit-of = Limit of { $name }
users-tier-in = In the tier
users-tier-none = None
users-tier-default = The default one ({ $tier })
users-by-tier-on = As tier { $tier } says: on
users-by-tier-off = As tier { $tier } says: off
users-keys = API keys
users-keys-none = There are no API keys.
users-key = API key
users-key-name = Name
users-key-prefix = Begins with
users-key-used = Last used
users-key-over = Expired
users-key-new = Name of a new key
users-key-make = Make key
users-key-expires = Good for
users-key-expires-default = As the server says
users-key-30d = 30 days
users-key-90d = 90 days
users-key-1y = One year
users-key-made-title = Key made
users-key-made = The key “{ $key }” of { $name } is ready.
users-key-revoke-link = Revoke
users-key-revoke-title = Revoke a key
users-key-revoke = Revoke the key “{ $key }” of { $name }?
users-key-revoke-prefix = It begins with { $prefix }.
users-key-revoke-at-once = It is dead at once, with the sessions that were made from it, and does not come back.
users-key-revoke-button = Revoke key
users-never = Never
users-admin-models = An administrator may use every model, whatever is chosen here. It counts once they are none any more.
users-admin-features = An administrator has every feature, whatever is chosen here. It counts once they are none any more.
users-models-save = Save models
users-features-save = Save features
users-sessions = Sessions
users-sessions-none = Nobody is signed in to this account.
users-session-seen = Last seen
users-password = Password
users-password-title = New password
users-password-about = { $name } gets a new password, and all their sessions end.
users-password-how = Which password
users-password-generate = Make one up, and show it once
users-password-type = This one:
users-password-weak = It is easy to guess, and I mean it
users-password-set = Set password
users-password-reset = New password
users-password-made-title = Password set
users-password-made = { $name } signs in with this password from now on. Tell them on a safe way, and ask them to change it.
users-delete-link = Delete
users-delete-title = Delete a user
users-delete = Delete { $name } ({ $email }) for good?
users-delete-keys = { $keys ->
    [0] There are no API keys to go.
    [one] One API key goes, and is dead at once.
   *[other] { $keys } API keys go, and are dead at once.
}
users-delete-sessions = { $sessions ->
    [0] Nobody is signed in.
    [one] One session ends.
   *[other] { $sessions } sessions end.
}
users-delete-limits = { $limits ->
    [0] There are no limits of their own to go.
    [one] One limit of their own goes.
   *[other] { $limits } limits of their own go.
}
users-delete-invites = { $invites ->
    [0] They made no invites.
    [one] One invite that they made goes.
   *[other] { $invites } invites that they made go.
}
users-delete-usage = What they used stays in the reports, by their name. The audit log stays too.
users-delete-button = Delete user
done-user-approved = Approved: they may sign in now.
done-user-active = The account is active.
done-user-disabled = The account is disabled.
done-user-role = The role is changed.
done-user-tier = The tier is changed.
done-user-features = The features are saved.
done-user-models = The models are saved.
done-user-password = The password is set, and their sessions are over.
done-user-key-revoked = The key is revoked.
done-user-deleted = The user is deleted.
error-user-status = Choose one of the statuses that are offered.
error-user-role = Choose one of the roles that are offered.
error-features-unsaid = The form said nothing about any feature. Load the page again and choose what holds for each.
error-user-limit-there = This user already has a limit for this model. Go back to the user's page and choose “Change” beside it.
error-not-pending = This user does not wait for approval any more. Look at their status below.
error-several-users = Several users match. Write the whole address.
error-admin-cursor = This page of the list is not there. Begin at the first one.
error-not-a-service = Only service accounts get keys here: others make their own.
error-delete-typed = Type the address exactly as it is shown, so that the right account goes.
