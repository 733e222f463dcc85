/// A configuration with every key, explained; tests keep it complete.
package enum ExampleConfiguration {
  package static let text = #"""
    # Cairn's configuration, with every key that there is. Take what you need.
    #
    # It is read from ~/.config/cairn/cairn.toml and /etc/cairn/cairn.toml (the first beats the second section by section), or from
    # the file that --config or CAIRN_CONFIG names. The format is TOML 1.0. An option on the command line beats a variable of the
    # environment, and a variable beats this file. 'cairn config check' explains mistakes; 'cairn config show -P NAME' prints what is in
    # force and where it comes from.
    #
    # Paths are whole: they begin with / or ~/. Sizes are binary: "500M", "1.5G". Lengths of time: "90s", "15m", "26h", "2w", "1y6mo".

    # ---- Repositories: where snapshots are kept, and what opens them ----

    [repository.main]
    path = "/mnt/backup/cairn"
    # One of these: password-file, password-command (for the shell), key-file. None: a variable, or the terminal.
    password-file = "~/.config/cairn/password"
    # What else holds for every use of the repository.
    cache-dir = "~/.cache/cairn"
    memory = "256M"
    compression = "auto"             # "off", 1 to 19, "fastest", "better", "max"

    [repository.usb]
    path = "/media/usb/cairn"
    key-file = "~/.config/cairn/key"
    no-cache = true

    [repository.server]
    path = "/srv/backup"
    password-command = "pass show backup/server"

    # ---- A profile that others inherit from; it backs up nothing by itself ----

    [profile.common]
    # What is left out. Patterns are those of 'cairn backup --exclude'.
    exclude = ["*.tmp", "~/.cache"]
    iexclude = ["thumbs.db"]                    # letter case ignored
    exclude-file = ["~/.config/cairn/exclude"]  # a pattern a line
    iexclude-file = ["~/.config/cairn/iexclude"]
    exclude-if-present = [".nobackup"]          # contents of directories that have such a file
    exclude-caches = true                       # directories with a CACHEDIR.TAG
    exclude-larger-than = "20G"
    one-file-system = false
    ignore-file = [".gitignore"]                # honour such files by git's rules

    # ---- A person's files ----

    [profile.home]
    # Its own keys beat inherited ones, later parents earlier ones; sections are merged key by key, lists are replaced.
    inherit = ["common"]
    repository = "main"
    sources = ["~/documents", "~/pictures"]
    files-from = ["~/.config/cairn/sources"]             # more sources: a pattern a line
    files-from-verbatim = ["~/.config/cairn/verbatim"]   # a path a line
    files-from-raw = ["~/.config/cairn/raw"]             # paths with a NUL byte after each
    tags = ["home"]
    host = "laptop"                  # recorded; without it this machine's name
    series = "home@laptop"           # snapshots that belong together; without it PROFILE@HOST
    description = "the files of Anna"
    kind = "auto"                    # by the scheme; "full", "differential" or "incremental" without one
    ignore-inode = false             # do not take a file for changed because of its inode number
    ignore-ctime = false             # nor because of its ctime
    skip-if-unchanged = false        # make no snapshot when nothing changed
    read-concurrency = 4             # files read at a time
    read-back = true                 # open again and compare what was just sealed

    # How often a snapshot of each kind is due: "always", "hourly", "daily", "weekly", "monthly", "quarterly", "yearly" or "never", by
    # local time; weeks begin on Monday. What was missed is made up for by the next run. Runs in between are incremental.
    [profile.home.scheme]
    full = "monthly"
    differential = "weekly"
    incremental = "daily"

    # Which snapshots of this profile's series stay; any rule suffices, as with 'cairn forget'. Under a scheme the newest full and the
    # newest differential one stay in any case.
    [profile.home.retention]
    keep-last = 3
    keep-hourly = 24
    keep-daily = 7
    keep-weekly = 5
    keep-monthly = 12
    keep-quarterly = 8
    keep-yearly = "unlimited"
    keep-within = "14d"              # counted back from the newest snapshot
    keep-within-hourly = "2d"
    keep-within-daily = "1m"         # m is months here
    keep-within-weekly = "3m"
    keep-within-monthly = "1y"
    keep-within-quarterly = "2y"
    keep-within-yearly = "10y"
    keep-tag = ["keep", "before,upgrade"]   # those with 'keep', and those with both of the others
    keep-kind = ["full=2"]
    after-backup = true              # apply it after each complete backup; else only 'cairn forget -P home' does
    prune-every = 10                 # free the space in every 10th run; without it only 'cairn prune' does
    max-unused = "2%"
    max-repack-size = "20G"

    # When it runs. Any of these starts a run: days and times, cron, at-boot, volumes, watch.
    [profile.home.schedule]
    every = "weekly"                 # "hourly", "daily", "weekly", "monthly"
    days = ["weekdays"]              # "mon" … "sun", "weekdays", "weekend"; of a weekly one
    times = ["12:30", "20:00"]
    cron = ["30 2 * * sun", "@monthly"]
    at-boot = true
    volumes = ["uuid:3e6be9de-8139-11d1-9106-a43f08d823a6", "label:BACKUP"]
    watch = ["~/documents"]          # when something below changes …
    quiet-period = "2m"              # … and has not changed for so long …
    minimum-interval = "1h"          # … at most so often
    on-mains-power = true            # not on battery
    random-delay = "10m"
    catch-up = true                  # make up for a run that was missed

    # Commands around a run, for the shell. A failing 'before' stops it; 'after' is for a run that succeeded wholly, 'on-failure' for any
    # other end. Their environment has CAIRN_HOOK, _PROFILE, _TRIGGER, _SERIES and _REPOSITORY; after the run also CAIRN_STATUS (success,
    # incomplete, failure, interrupted), _EXIT_STATUS, _MESSAGE, _SNAPSHOT_ID, _SNAPSHOT_KIND, _FILES_NEW, _FILES_CHANGED,
    # _FILES_UNMODIFIED, _BYTES_ADDED, _BYTES_STORED and _PROBLEMS; and never a password.
    [profile.home.hooks]
    before = ["mountpoint -q /mnt/backup"]
    after = ["logger backup done"]
    on-failure = ["logger backup failed"]
    finally = ["sync"]
    time-limit = "10m"               # for each command

    # Who is told. Nothing here can make a backup fail. on = any of "start", "success", "incomplete", "failure". The webhook gets a JSON
    # document by POST, pings are fetched by GET; both need the program curl.
    [profile.home.notify]
    time-limit = "30s"

    [profile.home.notify.webhook]
    url = "https://example.org/hook"
    on = ["success", "failure"]

    [profile.home.notify.ping]
    start = "https://ping.example.org/1234/start"
    success = "https://ping.example.org/1234"
    fail = "https://ping.example.org/1234/fail"          # also for a backup that lacks something

    [profile.home.notify.mail]
    to = ["anna@example.org"]
    from = "backup@example.org"
    sendmail = "/usr/sbin/sendmail"
    on = ["incomplete", "failure"]

    # How much of the machine a run may take; upload and download hold for every command of the profile.
    [profile.home.limits]
    nice = 10
    io-class = "best-effort"         # or "idle"
    io-priority = 7
    upload = "5M"                    # bytes a second
    download = "20M"

    # What 'cairn status' demands.
    [profile.home.expect]
    every = "26h"
    checked-every = "5w"
    proven-every = "90d"

    # Looking after what is stored, after a backup, once a day, week, month …; whoever does it counts. "always" is after each.
    [profile.home.upkeep]
    check = "weekly"
    read-data-subset = "5%"          # or a size, or "1/12": of twelve parts another one each time
    prove = "monthly"                # restore a sample and compare
    prove-files = 20
    metrics-file = "/var/lib/prometheus/node-exporter/cairn-home.prom"

    # ---- What a command prints ----

    [profile.database]
    repository = "server"
    stdin-from-command = ["pg_dump", "shop"]
    stdin-filename = "shop.sql"

    [profile.database.retention]
    keep-daily = 14

    # ---- A whole disk ----

    [profile.disk]
    repository = "usb"
    image = "/dev/sdb"
    skip-bad-sectors = false         # store zeros for what cannot be read, and name it

    [profile.disk.schedule]
    every = "monthly"
    month-days = [1, -1]             # -1 is the last day

    """#
}
