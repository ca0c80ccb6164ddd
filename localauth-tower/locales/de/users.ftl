# Benutzer, für Administratoren.
users-title = Benutzer
users-person-title = Benutzer
users-search = Suche nach Name oder Adresse
users-search-button = Suchen
users-tabs = Benutzer nach Status
users-tab-all = Alle
users-tab-pending = Wartend
users-tab-active = Aktiv
users-tab-disabled = Gesperrt
users-waiting = Warten auf Freigabe
users-everybody = Alle Benutzer
users-none = Es gibt noch keine Benutzer. Laden Sie jemanden ein, oder legen Sie unten ein Dienstkonto an.
users-none-so = Kein Benutzer passt dazu. Suchen Sie nach etwas anderem, oder wählen Sie „Alle“.
users-name = Name
users-email = Adresse
users-id = Kennung
users-role = Rolle
users-role-admin = Administrator
users-role-user = Benutzer
users-status = Status
users-status-active = Aktiv
users-status-pending = Wartet
users-status-disabled = Gesperrt
users-provider = Anmeldung mit
users-provider-local = Passwort
users-provider-github = GitHub
users-provider-oidc = OpenID Connect
users-provider-service = Nur Schlüssel
users-tier = Stufe
users-approve = Freigeben
users-decline = Ablehnen
users-service-title = Neues Dienstkonto
users-service-about = Ein Konto für ein Programm: Niemand meldet sich daran an. Der erste Schlüssel wird gleich danach einmal gezeigt.
users-service-name = Name des Programms
users-service-make = Konto und Schlüssel anlegen
users-service-made-title = Dienstkonto angelegt
users-service-made = Das Dienstkonto { $name } hat seinen ersten Schlüssel. Geben Sie ihn jetzt dem Programm.
users-used = Verbrauch der letzten 30 Tage
users-used-requests = Anfragen
users-used-tokens = Token
users-used-cost = Kosten
users-used-more = Gesamter Verbrauch
users-standing = Rechte und Zugang
users-standing-hint = Jede Änderung gilt ab der nächsten Anfrage. Ein Wechsel der Rolle beendet die Sitzungen. Handeln als dieser Benutzer dauert höchstens 15 Minuten, und jede Zeile des Protokolls nennt dann beide Namen.
users-self = Das sind Sie selbst. Bitten Sie einen anderen Administrator, wenn sich Rolle, Status oder Passwort ändern soll.
users-disable = Sperren
users-enable = Entsperren
users-make-admin = Zum Administrator machen
users-make-user = Administratorrolle entziehen
users-disable-title = Konto sperren
users-disable-ask = Das Konto von { $name } ({ $email }) sperren?
users-disable-at-once = Die Sitzungen enden sofort, und die Schlüssel gelten nicht mehr.
users-disable-back = Es wird nichts gelöscht. Ein Administrator kann das Konto wieder entsperren.
users-decline-title = Benutzer ablehnen
users-decline-ask = { $name } ({ $email }) ablehnen?
users-decline-stays = Das Konto wird gesperrt: Eine Anmeldung ist nicht möglich.
users-promote-ask = { $name } ({ $email }) zum Administrator machen?
users-promote-all = Als Administrator ist hier alles erlaubt: alle Benutzer, Schlüssel, Grenzen und Preise verwalten und andere zu Administratoren machen.
users-demote-ask = { $name } ({ $email }) die Rolle des Administrators entziehen?
users-demote-pages = Ab der nächsten Anfrage ist nichts mehr erreichbar, was Administratoren vorbehalten ist.
users-role-sessions = Die Sitzungen enden, und eine neue Anmeldung ist nötig.
users-impersonate = Als dieser Benutzer handeln
users-limits-none = Keine eigenen Grenzen. Die der Stufe und die gemeinsamen gelten trotzdem.
users-limit-of = Grenze für { $name }
users-tier-in = In der Stufe
users-tier-none = Keine
users-tier-default = Die übliche ({ $tier })
users-by-tier-on = Wie Stufe { $tier }: an
users-by-tier-off = Wie Stufe { $tier }: aus
users-keys = API-Schlüssel
users-keys-none = Es gibt keine API-Schlüssel.
users-key = API-Schlüssel
users-key-name = Name
users-key-prefix = Beginnt mit
users-key-used = Zuletzt benutzt
users-key-over = Abgelaufen
users-key-new = Name eines neuen Schlüssels
users-key-make = Schlüssel anlegen
users-key-expires = Gültig
users-key-expires-default = Wie vom Server vorgegeben
users-key-30d = 30 Tage
users-key-90d = 90 Tage
users-key-1y = Ein Jahr
users-key-made-title = Schlüssel angelegt
users-key-made = Der Schlüssel „{ $key }“ von { $name } ist fertig.
users-key-revoke-link = Widerrufen
users-key-revoke-title = Schlüssel widerrufen
users-key-revoke = Soll der Schlüssel „{ $key }“ von { $name } widerrufen werden?
users-key-revoke-prefix = Er beginnt mit { $prefix }.
users-key-revoke-at-once = Er ist sofort ungültig, mit ihm die Sitzungen, die aus ihm entstanden, und kommt nicht wieder.
users-key-revoke-button = Schlüssel widerrufen
users-never = Nie
users-admin-models = Ein Administrator darf jedes Modell benutzen, was hier auch gewählt ist. Es zählt, sobald er keiner mehr ist.
users-admin-features = Ein Administrator hat jede Funktion, was hier auch gewählt ist. Es zählt, sobald er keiner mehr ist.
users-models-save = Modelle speichern
users-features-save = Funktionen speichern
users-sessions = Sitzungen
users-sessions-none = An diesem Konto ist niemand angemeldet.
users-session-seen = Zuletzt gesehen
users-password = Passwort
users-password-title = Neues Passwort
users-password-about = { $name } bekommt ein neues Passwort, und alle Sitzungen enden.
users-password-how = Welches Passwort
users-password-generate = Eines ausdenken lassen, das einmal gezeigt wird
users-password-type = Dieses:
users-password-weak = Es ist leicht zu erraten, und ich will es trotzdem
users-password-set = Passwort setzen
users-password-reset = Neues Passwort
users-password-made-title = Passwort gesetzt
users-password-made = { $name } meldet sich von nun an mit diesem Passwort an. Geben Sie es auf sicherem Weg weiter, und bitten Sie darum, es zu ändern.
users-delete-link = Löschen
users-delete-title = Benutzer löschen
users-delete = Soll { $name } ({ $email }) endgültig gelöscht werden?
users-delete-keys = { $keys ->
    [0] Es gibt keine API-Schlüssel, die verschwinden.
    [one] Ein API-Schlüssel verschwindet und ist sofort ungültig.
   *[other] { $keys } API-Schlüssel verschwinden und sind sofort ungültig.
}
users-delete-sessions = { $sessions ->
    [0] Niemand ist angemeldet.
    [one] Eine Sitzung endet.
   *[other] { $sessions } Sitzungen enden.
}
users-delete-limits = { $limits ->
    [0] Es gibt keine eigenen Grenzen, die verschwinden.
    [one] Eine eigene Grenze verschwindet.
   *[other] { $limits } eigene Grenzen verschwinden.
}
users-delete-invites = { $invites ->
    [0] Eigene Einladungen gibt es keine.
    [one] Eine ausgestellte Einladung verschwindet.
   *[other] { $invites } ausgestellte Einladungen verschwinden.
}
users-delete-usage = Der Verbrauch bleibt unter dem Namen in den Berichten. Auch das Protokoll bleibt.
users-delete-button = Benutzer löschen
done-user-approved = Freigegeben: Die Anmeldung ist jetzt möglich.
done-user-active = Das Konto ist aktiv.
done-user-disabled = Das Konto ist gesperrt.
done-user-role = Die Rolle ist geändert.
done-user-tier = Die Stufe ist geändert.
done-user-features = Die Funktionen sind gespeichert.
done-user-models = Die Modelle sind gespeichert.
done-user-password = Das Passwort ist gesetzt, und die Sitzungen sind beendet.
done-user-key-revoked = Der Schlüssel ist widerrufen.
done-user-deleted = Der Benutzer ist gelöscht.
error-user-status = Wählen Sie einen der angebotenen Status.
error-user-role = Wählen Sie eine der angebotenen Rollen.
error-features-unsaid = Das Formular sagt zu keiner Funktion etwas. Laden Sie die Seite neu, und wählen Sie, was für jede gelten soll.
error-user-limit-there = Dieser Benutzer hat für dieses Modell schon eine Grenze. Gehen Sie zurück zur Seite des Benutzers, und wählen Sie dort „Ändern“.
error-not-pending = Dieser Benutzer wartet nicht mehr auf Freigabe. Sehen Sie sich unten den Status an.
error-several-users = Mehrere Benutzer passen dazu. Schreiben Sie die ganze Adresse.
error-admin-cursor = Diese Seite der Liste gibt es nicht. Beginnen Sie bei der ersten.
error-not-a-service = Nur Dienstkonten bekommen hier Schlüssel: Andere legen ihre selbst an.
error-delete-typed = Schreiben Sie die Adresse genau so, wie sie gezeigt wird, damit das richtige Konto verschwindet.
