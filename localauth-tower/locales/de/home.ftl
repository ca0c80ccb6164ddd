# Die Startseite.
home-title = Start
home-keys = { $n ->
    [one] Schlüssel
   *[other] Schlüssel
}
home-requests = { $n ->
    [one] Anfrage in 30 Tagen
   *[other] Anfragen in 30 Tagen
}
home-tokens = { $n ->
    [one] Token in 30 Tagen
   *[other] Token in 30 Tagen
}
home-tightest = Die Grenze, der Sie am nächsten sind
home-all-limits = Alles, was Sie begrenzt
home-shared = Sie haben sich mit einem gemeinsamen Schlüssel angemeldet
home-shared-about = Dahinter steht kein Konto: Es gibt keine Schlüssel, keinen Verbrauch und kein Kennwort von Ihnen selbst, dafür alles, was Administratoren können. Geben Sie allen ein Konto, dann sehen Sie, wer was verbraucht.
home-shared-users = Benutzer anlegen
home-shared-invites = Jemanden einladen
home-shared-keys = Die gemeinsamen Schlüssel ersetzen
home-begin = So benutzen Sie diesen Server
home-url = Basisadresse
home-key = Schlüssel
home-key-name = Mein Schlüssel
home-key-label = Name des Schlüssels
home-key-make = Schlüssel anlegen
home-key-hint = Er wird einmal gezeigt, gleich in diesen Zeilen, fertig zum Kopieren.
home-key-more = Einen anlegen, der weniger darf
home-key-not = Schlüssel legt man mit einem Konto an. Hier können Sie den benutzen, den Sie haben.
home-snippets = Programme
home-env = Legen Sie Ihren Schlüssel in die Umgebung, dann läuft jedes davon, wie es dasteht:
home-no-model = Im Moment steht Ihnen kein Modell offen. Schreiben Sie seinen Namen statt MODEL, oder fragen Sie einen Administrator.
home-try = Ein Modell ausprobieren
home-talk = Gespräch
home-model = Modell
home-message = Nachricht
home-send = Senden
home-stop = Anhalten
home-try-hint = Das zählt als Ihr Verbrauch, und Ihre Grenzen gelten.
home-try-no-model = Es gibt kein Modell, das Sie benutzen dürfen. Bitten Sie einen Administrator, Ihnen eines zu öffnen.
home-try-refused = Chat dürfen Sie hier nicht benutzen. Bitten Sie einen Administrator um die Funktion „chat“, oder melden Sie sich mit Ihrem Konto statt mit einem Schlüssel an.
home-broken = Die Antwort brach ab. Versuchen Sie es noch einmal.
error-try-nowhere = Hier antwortet kein Modell.
error-try-empty = Schreiben Sie zuerst eine Nachricht.
error-try-unread = Das Modell hat etwas geantwortet, das sich nicht zeigen lässt. Versuchen Sie es noch einmal, oder wählen Sie ein anderes.
error-try-feature = Chat dürfen Sie hier nicht benutzen. Bitten Sie einen Administrator um die Funktion „chat“.
error-try-model = Dieses Modell dürfen Sie nicht benutzen. Wählen Sie ein anderes, oder fragen Sie einen Administrator.
error-try-no-model = Dieses Modell gibt es hier nicht. Wählen Sie ein anderes.
error-try-limited = Eine Ihrer Grenzen ist erreicht. Versuchen Sie es in { $seconds } Sekunden noch einmal, oder sehen Sie unter Verbrauch nach, was Sie begrenzt.
error-try-used-up = Eine Ihrer Grenzen ist erreicht, oder zu viele warten schon. Sehen Sie unter Verbrauch nach, was Sie begrenzt.
error-try-bad = Diese Nachricht nimmt das Modell nicht an. Kürzen oder ändern Sie sie und versuchen Sie es noch einmal.
error-try-server = Das Modell antwortet gerade nicht. Versuchen Sie es später noch einmal; ein Administrator kann nachsehen, warum.
