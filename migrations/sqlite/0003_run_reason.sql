-- Why a run was made by hand, in the administrator's words (`kura snapshot --reason`); no names belong here.
ALTER TABLE runs ADD COLUMN reason TEXT;
