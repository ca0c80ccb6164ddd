# Verbrauch, und was ihn begrenzt.
usage-title = Verbrauch
usage-all-title = Verbrauch aller
usage-period = Zeitraum
usage-period-day = 24 Stunden
usage-period-week = 7 Tage
usage-period-month = 30 Tage
usage-period-all = Gesamt
usage-by = Aufgeteilt
usage-by-model = Nach Modell
usage-by-key = Nach Schlüssel
usage-by-user = Nach Benutzer
usage-model = Modell
usage-key = Schlüssel
usage-user = Benutzer
usage-time = Zeit (UTC)
usage-requests = Anfragen
usage-tokens = Token
usage-tokens-in = Gelesene Token
usage-tokens-out = Geschriebene Token
usage-cached = davon { $n } aus dem Zwischenspeicher
usage-cost = Kosten
usage-estimated = Anfragen mit geschätzten Token
usage-chart = { $what } im Lauf der Zeit, { $by }; darunter dasselbe als Tabelle
usage-as-table = Das Diagramm als Tabelle
usage-others = Übrige
usage-more = { $n ->
    [one] noch einer
   *[other] noch { $n }
}
usage-more-hint = Die Tabelle zeigt die mit den meisten Token; in der Datei stehen alle.
usage-no-model = (kein Modell)
usage-deleted = { $name } (gelöscht)
usage-source-key = Schlüssel ohne Namen
usage-source-shared = Gemeinsame Schlüssel
usage-source-web = Angemeldet, ohne Schlüssel
usage-utc = Stunden, Tage und Monate gelten in UTC.
usage-csv = Als CSV herunterladen
usage-csv-keys = Nach Schlüssel als CSV herunterladen
usage-empty = In dieser Zeit wurde nichts verbraucht. Legen Sie einen Schlüssel an und schicken Sie eine Anfrage damit, dann erscheint sie hier.
usage-all-empty = In dieser Zeit hat niemand etwas verbraucht. Sobald Anfragen beantwortet werden, erscheinen sie hier.
usage-only = Das ist nur der Verbrauch von { $name }.
usage-everybody = Den aller zeigen
usage-limits = Was Sie begrenzt
usage-tier = Sie sind in der Stufe { $tier }.
usage-no-limits = Wie viel Sie verbrauchen dürfen, ist nicht begrenzt.
usage-axis-day = { $day }. { $month }
usage-month-01 = Jan.
usage-month-02 = Feb.
usage-month-03 = März
usage-month-04 = Apr.
usage-month-05 = Mai
usage-month-06 = Juni
usage-month-07 = Juli
usage-month-08 = Aug.
usage-month-09 = Sept.
usage-month-10 = Okt.
usage-month-11 = Nov.
usage-month-12 = Dez.
limit-requests = Anfragen
limit-tokens = Token
limit-prompt-tokens = Gelesene Token
limit-completion-tokens = Geschriebene Token
limit-cost = Kosten
limit-concurrent = Gleichzeitige Anfragen
limit-per = { $what } in { $window }
limit-stands = { $used } von { $most }
limit-of-everyone = alle zusammen
limit-of-tier = Ihre Stufe
limit-of-user = für Sie
limit-of-key = dieser Schlüssel
limit-soft = warnt nur
limit-used-up = verbraucht; die nächste Anfrage geht durch ab
limit-empty = alles wieder frei ab
limit-window-day = einem Kalendertag (UTC)
limit-window-month = einem Kalendermonat (UTC)
limit-span-seconds = { $n ->
    [one] 1 Sekunde
   *[other] { $n } Sekunden
}
limit-span-minutes = { $n ->
    [one] 1 Minute
   *[other] { $n } Minuten
}
limit-span-hours = { $n ->
    [one] 1 Stunde
   *[other] { $n } Stunden
}
limit-span-days = { $n ->
    [one] 1 Tag
   *[other] { $n } Tagen
}
error-usage-period = Diesen Zeitraum gibt es nicht. Wählen Sie 24 Stunden, 7 Tage, 30 Tage oder Gesamt.
error-usage-by = Danach wird der Verbrauch nicht aufgeteilt. Wählen Sie einen der Reiter.
