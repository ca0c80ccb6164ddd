# Usage, and what limits it.
usage-title = Usage
usage-all-title = Everybody's usage
usage-period = Period
usage-period-day = 24 hours
usage-period-week = 7 days
usage-period-month = 30 days
usage-period-all = All time
usage-by = By
usage-by-model = By model
usage-by-key = By key
usage-by-user = By user
usage-model = Model
usage-key = Key
usage-user = User
usage-time = Time (UTC)
usage-requests = Requests
usage-tokens = Tokens
usage-tokens-in = Tokens read
usage-tokens-out = Tokens written
usage-cached = of which { $n } from the cache
usage-cost = Cost
usage-estimated = requests whose tokens are estimated
usage-chart = { $what } over time, { $by }; the same follows as a table
usage-as-table = The chart as a table
usage-others = Others
usage-more = { $n ->
    [one] one more
   *[other] { $n } more
}
usage-more-hint = The table shows those with the most tokens; the file has all of them.
usage-no-model = (no model)
usage-deleted = { $name } (deleted)
usage-source-key = Keys without a name
usage-source-shared = Shared keys
usage-source-web = Signed in, without a key
usage-utc = Hours, days and months are those of UTC.
usage-csv = Download as CSV
usage-csv-keys = Download by key as CSV
usage-empty = Nothing was used in this time. Make a key, send a request with it, and it shows up here.
usage-all-empty = Nobody used anything in this time. As soon as requests are answered, they show up here.
usage-only = This is the usage of { $name } only.
usage-everybody = Show everybody's
usage-limits = What limits you
usage-tier = You are in the tier { $tier }.
usage-no-limits = Nothing limits how much you may use.
usage-axis-day = { $day } { $month }
usage-month-01 = Jan
usage-month-02 = Feb
usage-month-03 = Mar
usage-month-04 = Apr
usage-month-05 = May
usage-month-06 = Jun
usage-month-07 = Jul
usage-month-08 = Aug
usage-month-09 = Sep
usage-month-10 = Oct
usage-month-11 = Nov
usage-month-12 = Dec
limit-requests = Requests
limit-tokens = Tokens
limit-prompt-tokens = Tokens read
limit-completion-tokens = Tokens written
limit-cost = Cost
limit-concurrent = Requests at the same time
limit-per = { $what } in { $window }
limit-stands = { $used } of { $most }
limit-of-everyone = everybody together
limit-of-tier = your tier
limit-of-user = yours
limit-of-key = this key
limit-soft = warns only
limit-used-up = used up; the next request passes at
limit-empty = all free again at
limit-window-day = a calendar day (UTC)
limit-window-month = a calendar month (UTC)
limit-span-seconds = { $n ->
    [one] 1 second
   *[other] { $n } seconds
}
limit-span-minutes = { $n ->
    [one] 1 minute
   *[other] { $n } minutes
}
limit-span-hours = { $n ->
    [one] 1 hour
   *[other] { $n } hours
}
limit-span-days = { $n ->
    [one] 1 day
   *[other] { $n } days
}
error-usage-period = There is no such period. Choose 24 hours, 7 days, 30 days or all time.
error-usage-by = Usage is not told apart by that. Choose one of the tabs.
