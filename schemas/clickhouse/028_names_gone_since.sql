-- A name outlives what it is of: conversations of the history still show it.
ALTER TABLE {{database}}.names {{onCluster}}
ADD COLUMN IF NOT EXISTS gone_since Nullable(DateTime64(3, 'UTC')) COMMENT 'Since when Genesys no longer lists it; null: it does'
AFTER name
