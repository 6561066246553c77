BEGIN TRANSACTION;
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL);
INSERT INTO "alembic_version" VALUES('0009');
CREATE TABLE answers (
	token VARCHAR(16) NOT NULL, 
	"key" VARCHAR(128) NOT NULL, 
	request VARCHAR(64) NOT NULL, 
	status INTEGER NOT NULL, 
	body TEXT NOT NULL, 
	created FLOAT NOT NULL, 
	CONSTRAINT pk_answers PRIMARY KEY (token, "key")
);
INSERT INTO "answers" VALUES('service','0ec7b6767c84496282f0494eb52c6029','f30078dc3676d67ea773f3c117b2ea3a6397e9001ca1dab1a5772fec05ebe9ac',201,'{"id":"26765920","resumed":false,"warnings":[]}',1.79606434304997944831e+09);
INSERT INTO "answers" VALUES('service','ed0d247243ac4607a91f1061a760f591','895a022ceabe404a7835769716b220744ec532b5959579422f32e1447c4a19e3',201,'{"id":"fd7f2a0d","resumed":false,"warnings":[]}',1.79606436091171884532e+09);
INSERT INTO "answers" VALUES('service','9c5f6743e79b4b54801565dfccd1d2bb','e11bfcee7efd4038b0ae3ca7083ac0ee68eb9f93caac9095259bc7c5e063e15f',201,'{"params":{"x":0.5,"layers":3,"solver":"adam"},"trial":null,"value":0.25}',1.79606436224954891201e+09);
INSERT INTO "answers" VALUES('service','a27a2beb1a424982939eff3e5ef8f486','7271e3b60f115449071f96ddcf07ffb04eaded56148cb17d0c728ee89c0161e7',201,'{"id":"869f4c61","resumed":false,"warnings":[]}',1.79606436893036699293e+09);
CREATE TABLE attempts (
	trial_id VARCHAR(96) NOT NULL, 
	attempt INTEGER NOT NULL, 
	host VARCHAR(128), 
	started FLOAT NOT NULL, 
	ended FLOAT, 
	outcome VARCHAR(16), 
	detail TEXT NOT NULL, 
	seconds FLOAT, 
	gpus FLOAT NOT NULL, 
	CONSTRAINT pk_attempts PRIMARY KEY (trial_id, attempt), 
	CONSTRAINT fk_attempts_trial_id FOREIGN KEY(trial_id) REFERENCES trials (id)
);
INSERT INTO "attempts" VALUES('26765920-0',1,'host-1',1.7960643431404218674e+09,1.79606434322677898404e+09,'done','',8.62467550000474147964e-02,0.0);
INSERT INTO "attempts" VALUES('26765920-1',1,'host-1',1.79606434321031713493e+09,1.79606434327890872957e+09,'done','',6.80327009999928122851e-02,0.0);
INSERT INTO "attempts" VALUES('26765920-2',1,'host-1',1.79606434323983979225e+09,1.79606434330659055706e+09,'stopped','stopped early at step 0 of about 2, rung 1 of 1',6.61972489999698154861e-02,0.0);
INSERT INTO "attempts" VALUES('26765920-3',1,'host-1',1.79606434351858019831e+09,1.79606434360212182995e+09,'done','',8.31348980000257142819e-02,0.0);
INSERT INTO "attempts" VALUES('26765920-4',1,'host-1',1.79606434355396103862e+09,1.79606434361139130594e+09,'done','',5.74268829998345609055e-02,0.0);
INSERT INTO "attempts" VALUES('26765920-5',1,'host-1',1.79606434360970735547e+09,1.79606434364032483104e+09,'done','',3.04241690000708331353e-02,0.0);
INSERT INTO "attempts" VALUES('26765920-6',1,'host-1',1.79606434364932870863e+09,1.7960643436893675328e+09,'done','',3.97515280001243809238e-02,0.0);
INSERT INTO "attempts" VALUES('26765920-7',1,'host-1',1.79606434366940212249e+09,1.79606434371318650247e+09,'done','',4.34265979999963747104e-02,0.0);
INSERT INTO "attempts" VALUES('fd7f2a0d-0',1,'host-1',1.7960643610708229542e+09,1.79606436127695846555e+09,'done','',2.0576144999995449325e-01,0.0);
INSERT INTO "attempts" VALUES('fd7f2a0d-1',1,'host-1',1.79606436135943984978e+09,1.7960643615742633343e+09,'done','',2.14157346999854780733e-01,0.0);
INSERT INTO "attempts" VALUES('fd7f2a0d-2',1,'host-1',1.7960643614445123673e+09,NULL,NULL,'',NULL,0.0);
INSERT INTO "attempts" VALUES('fd7f2a0d-3',1,'host-1',1.79606436158704566951e+09,NULL,NULL,'',NULL,0.0);
CREATE TABLE audit (
	id INTEGER NOT NULL, 
	at FLOAT NOT NULL, 
	actor VARCHAR(128) NOT NULL, 
	token VARCHAR(16) NOT NULL, 
	team VARCHAR(32), 
	address VARCHAR(64) NOT NULL, 
	action VARCHAR(64) NOT NULL, 
	target VARCHAR(128) NOT NULL, 
	"before" JSON, 
	"after" JSON, 
	CONSTRAINT pk_audit PRIMARY KEY (id)
);
INSERT INTO "audit" VALUES(1,1.79606434308546757702e+09,'operator','service','default','127.0.0.1','study.submit','26765920','null','{"name": "bowl", "resumed": false}');
INSERT INTO "audit" VALUES(2,1.7960643609543809891e+09,'operator','service','default','127.0.0.1','study.submit','fd7f2a0d','null','{"name": "second", "resumed": false}');
INSERT INTO "audit" VALUES(3,1.79606436226374483106e+09,'operator','service','default','127.0.0.1','trial.add','fd7f2a0d','null','{"params": {"x": 0.5, "layers": 3, "solver": "adam"}, "trial": null, "value": 0.25}');
INSERT INTO "audit" VALUES(4,1.79606436433317828175e+09,'operator','service','default','127.0.0.1','study.pause','fd7f2a0d','{"state": "running"}','{"state": "paused"}');
INSERT INTO "audit" VALUES(5,1.79606436491528034206e+09,'operator','service','vision','127.0.0.1','team.add','vision','null','{"weight": 2.0, "quota": {"slots": 4}}');
INSERT INTO "audit" VALUES(6,1.79606436547124886514e+09,'operator','service','vision','127.0.0.1','token.create','c58e7de9dcd8','null','{"name": "ada", "role": "admin", "expires": 1803840365.4685671}');
INSERT INTO "audit" VALUES(7,1.79606436606946110725e+09,'operator','service',NULL,'127.0.0.1','token.create','abb2d8c5d933','null','{"name": "host-7", "role": "worker", "expires": 1803840366.0670998}');
INSERT INTO "audit" VALUES(8,1.79606436669656372067e+09,'operator','service','vision','127.0.0.1','webhook.add','7d0c7f255f4b','null','{"url": "https://8.8.8.8/caviar", "events": []}');
INSERT INTO "audit" VALUES(9,1.79606436746912789346e+09,'operator','service','default','127.0.0.1','study.edit','fd7f2a0d','{"shared": false}','{"shared": true}');
INSERT INTO "audit" VALUES(10,1.79606436797801089291e+09,'operator','service','default','127.0.0.1','study.edit','fd7f2a0d','{"priority": 0}','{"priority": 3}');
INSERT INTO "audit" VALUES(11,1.79606436892680573465e+09,'operator','service','vision','127.0.0.1','bundle.keep','9c05620d1669f8d6e0ff16f1323d8c21203f0dbaa56e5031fa8eaeb1c49327d4','null','{"bytes": 548}');
INSERT INTO "audit" VALUES(12,1.79606436894775319101e+09,'operator','service','vision','127.0.0.1','study.submit','869f4c61','null','{"name": "bowl", "resumed": false}');
CREATE TABLE bundles (
	team VARCHAR(32) NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	size INTEGER NOT NULL, 
	created FLOAT NOT NULL, 
	data BLOB NOT NULL, 
	CONSTRAINT pk_bundles PRIMARY KEY (team, digest), 
	CONSTRAINT fk_bundles_team FOREIGN KEY(team) REFERENCES teams (name)
);
INSERT INTO "bundles" VALUES('vision','9c05620d1669f8d6e0ff16f1323d8c21203f0dbaa56e5031fa8eaeb1c49327d4',548,1.79606436892406272883e+09,X'1F8B0800000000000003ED97DF6E9B3014C67BCD531C71453A841C1A251D5A76B757D84DD50B074E88256323DB2CCDA63CD09E632F361B50DAA6D53A694ABAADE77703B2CF3F093E7FB0D25B99B5BB8B53C23CF3D9ACBF7A8EAF6C96E787FB617D91CFD905B0934E35D259C78D6F798E5E7F2115AEC1192E54E28CE0725244E0596B03D6610B4281E1AAC6E46ADC09F49199C1561B9784B014A4B676B9969ABBA14ED672C31B7B13DFC5B713B8BC841CDEF515277D15B11E8BA8AE59A181E512F2FBFA7E1C8BF099CB0E3F19A34D122B0DB5D655013FBEC747151E34828FC0B2F7F7755A23944BE295A8C72483AE330A7E3967F4DA4FE4BC582CB5AAB21D6FE4C97ABCA8FF07F7FDFAD49F0073D2FF3950BCC10286B7206AD08BA22CE0DBB01A449D7AE1715940239468C457DC47FD6981C647AD3B553AA15501B1957A5BF43BF13EB22D2F31C8F0CE07B95DEB4BF5920BC7C4B6F01A656C9AC246D49B02A6194BC1965CF6FDEABDCF927C87C61E52BD86C7C443D27508B35A7EE9C718C24AEEB0D67E7C2E5328375A94E86BDCD8BA4A8157BCB9DD47ABAEAAD1858C207DBF3BDFBF31B53F253CB8D7F6FFFC19FF5F2C48FFE74034C1C5C18906A3287AFE6BE091DFB3D1ECBD7007530DA99995886DC2B2E9136BFFE0AD1FA5F7F39CFD9609BF79459E17EBBA6A775AFB7F51FF57DEEC8FFD9F91FECFC2E0F42BFF17F807EE1FD2FF3DF7BF26F72708822008822008822008822008822008E27FE4275BCF7F5100280000');
CREATE TABLE champions (
	study_id VARCHAR(64) NOT NULL, 
	number INTEGER NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	params JSON NOT NULL, 
	found_in VARCHAR(64) NOT NULL, 
	trial INTEGER NOT NULL, 
	run_id VARCHAR(64), 
	value FLOAT, 
	low FLOAT, 
	high FLOAT, 
	runs INTEGER NOT NULL, 
	data_version VARCHAR(200), 
	code_version VARCHAR(200), 
	created FLOAT NOT NULL, 
	decided FLOAT, 
	"by" VARCHAR(255) NOT NULL, 
	why TEXT NOT NULL, 
	check_number INTEGER, 
	CONSTRAINT pk_champions PRIMARY KEY (study_id, number), 
	CONSTRAINT fk_champions_study_id FOREIGN KEY(study_id) REFERENCES studies (id), 
	CONSTRAINT uq_champions_study_id_found_in_trial UNIQUE (study_id, found_in, trial)
);
INSERT INTO "champions" VALUES('26765920',1,'former','{"x": 0.0010631564607863722, "layers": 4, "solver": "adam"}','26765920',6,'773fdf5ed02c42a9b7bd3e4c4915bc72',1.13030166011180484471e-06,NULL,NULL,1,'d1',NULL,1796064362.25,1796064363.25,'ada','',NULL);
INSERT INTO "champions" VALUES('26765920',2,'champion','{"x": 0.0036637757044868887, "layers": 8, "solver": "adam"}','26765920',1,'f95089cffa0649b096d429e3d7a64448',1.34232524127883975581e-05,NULL,NULL,1,'d2',NULL,1796064363.25,1796064364.25,'ada','',1);
CREATE TABLE checks (
	study_id VARCHAR(64) NOT NULL, 
	number INTEGER NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	causes JSON NOT NULL, 
	keys JSON NOT NULL, 
	why TEXT NOT NULL, 
	"by" VARCHAR(255) NOT NULL, 
	champion INTEGER NOT NULL, 
	data_version VARCHAR(200), 
	code_version VARCHAR(200), 
	bundle VARCHAR(64), 
	asked FLOAT NOT NULL, 
	started FLOAT, 
	ended FLOAT, 
	check_study VARCHAR(64), 
	waits TEXT NOT NULL, 
	verdict JSON, 
	retuned VARCHAR(64), 
	retuning VARCHAR(16), 
	CONSTRAINT pk_checks PRIMARY KEY (study_id, number), 
	CONSTRAINT fk_checks_study_id FOREIGN KEY(study_id) REFERENCES studies (id)
);
INSERT INTO "checks" VALUES('26765920',1,'ended','["data"]','["data:d2"]','','',1,'d2',NULL,NULL,1796064362.25,1796064363.25,1796064364.25,NULL,'','{"word": "moved", "effect": 0.01, "low": 0.004, "high": 0.016, "challenger": {"x": 0.0036637757044868887, "layers": 8, "solver": "adam"}, "drifts": [], "champion": 0.02, "trainings": 8, "reason": "the challenger is better"}',NULL,NULL);
INSERT INTO "checks" VALUES('26765920',2,'due','["schedule"]','["at:2"]','','',2,'d2',NULL,NULL,1796064370.25,NULL,NULL,NULL,'no worker is free',NULL,NULL,NULL);
CREATE TABLE deliveries (
	id INTEGER NOT NULL, 
	webhook VARCHAR(16) NOT NULL, 
	event VARCHAR(32) NOT NULL, 
	"key" VARCHAR(128) NOT NULL, 
	body TEXT NOT NULL, 
	created FLOAT NOT NULL, 
	due FLOAT, 
	tries INTEGER NOT NULL, 
	delivered FLOAT, 
	error TEXT NOT NULL, 
	CONSTRAINT pk_deliveries PRIMARY KEY (id), 
	CONSTRAINT uq_deliveries_webhook_event_key UNIQUE (webhook, event, "key"), 
	CONSTRAINT fk_deliveries_webhook FOREIGN KEY(webhook) REFERENCES webhooks (id)
);
CREATE TABLE drained (
	host VARCHAR(128) NOT NULL, 
	since FLOAT NOT NULL, 
	now BOOLEAN NOT NULL, 
	CONSTRAINT pk_drained PRIMARY KEY (host)
);
INSERT INTO "drained" VALUES('host-3',1796064366.69,0);
CREATE TABLE hosts (
	host VARCHAR(128) NOT NULL, 
	reason TEXT NOT NULL, 
	since FLOAT NOT NULL, 
	CONSTRAINT pk_hosts PRIMARY KEY (host)
);
INSERT INTO "hosts" VALUES('host-9','its last 4 trials failed in a row',1.79606436892406272883e+09);
CREATE TABLE interventions (
	trial_id VARCHAR(96) NOT NULL, 
	number INTEGER NOT NULL, 
	study_id VARCHAR(64) NOT NULL, 
	trial INTEGER NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	parameter VARCHAR(100), 
	"before" JSON, 
	value JSON, 
	params JSON NOT NULL, 
	step BIGINT, 
	wanted_step BIGINT, 
	steps BIGINT, 
	in_place BOOLEAN NOT NULL, 
	keep VARCHAR(8) NOT NULL, 
	"by" VARCHAR(255) NOT NULL, 
	why TEXT NOT NULL, 
	asked FLOAT NOT NULL, 
	answered FLOAT, 
	reason TEXT NOT NULL, 
	child INTEGER, 
	effect JSON, 
	CONSTRAINT pk_interventions PRIMARY KEY (trial_id, number), 
	CONSTRAINT fk_interventions_trial_id FOREIGN KEY(trial_id) REFERENCES trials (id), 
	CONSTRAINT fk_interventions_study_id FOREIGN KEY(study_id) REFERENCES studies (id)
);
INSERT INTO "interventions" VALUES('26765920-1',1,'26765920',1,'set','applied','x',3.66377570448688872142e-03,0.25,'{}',1,NULL,NULL,0,'ask','anna','it stood still',1796064371.25,1796064372.5,'',NULL,'{"share": 0.5}');
INSERT INTO "interventions" VALUES('26765920-1',2,'26765920',1,'fork','void',NULL,'null','null','{"x": 0.1}',NULL,1,NULL,0,'ask','the nurse','to see',1796064373.75,1796064375.0,'the trial ended',NULL,NULL);
CREATE TABLE nurses (
	study_id VARCHAR(64) NOT NULL, 
	"on" BOOLEAN NOT NULL, 
	memory JSON, 
	CONSTRAINT pk_nurses PRIMARY KEY (study_id), 
	CONSTRAINT fk_nurses_study_id FOREIGN KEY(study_id) REFERENCES studies (id)
);
INSERT INTO "nurses" VALUES('26765920',0,'{"steps": 3}');
CREATE TABLE priors (
	study_id VARCHAR(64) NOT NULL, 
	number INTEGER NOT NULL, 
	source VARCHAR(255) NOT NULL, 
	params JSON NOT NULL, 
	value FLOAT NOT NULL, 
	CONSTRAINT pk_priors PRIMARY KEY (study_id, number), 
	CONSTRAINT fk_priors_study_id FOREIGN KEY(study_id) REFERENCES studies (id)
);
INSERT INTO "priors" VALUES('fd7f2a0d',0,'by hand','{"x": 0.5, "layers": 3, "solver": "adam"}',0.25);
CREATE TABLE rechecks (
	study_id VARCHAR(64) NOT NULL, 
	policy JSON, 
	secret VARCHAR(128), 
	next_due FLOAT, 
	data_version VARCHAR(200), 
	code_version VARCHAR(200), 
	changed INTEGER NOT NULL, 
	written INTEGER NOT NULL, 
	CONSTRAINT pk_rechecks PRIMARY KEY (study_id), 
	CONSTRAINT fk_rechecks_study_id FOREIGN KEY(study_id) REFERENCES studies (id)
);
INSERT INTO "rechecks" VALUES('26765920','{"every_s": 86400.0, "cron": null, "data": {"version": "d1", "file": null, "dataset": null, "experiment": null}, "code": false, "trials": 8, "tolerance": 0.0, "when_moved": "propose", "model": null}','bm90LWEtc2VjcmV0',1796150770.25,'d2',NULL,4,3);
CREATE TABLE rounds (
	study_id VARCHAR(64) NOT NULL, 
	"index" INTEGER NOT NULL, 
	data JSON NOT NULL, 
	computed_from JSON NOT NULL, 
	created FLOAT NOT NULL, 
	run_id VARCHAR(64), 
	CONSTRAINT pk_rounds PRIMARY KEY (study_id, "index"), 
	CONSTRAINT fk_rounds_study_id FOREIGN KEY(study_id) REFERENCES studies (id)
);
INSERT INTO "rounds" VALUES('26765920',0,'{"index": 0, "box": {"x": [0.0, 1.0], "layers": [0.0, 1.0], "solver": {"choices": ["sgd", "adam"]}}, "kind": "start", "reason": "The first trials spread evenly over the whole space.", "changes": {"x": "kept", "layers": "kept", "solver": "kept"}, "parent": null, "support": [], "results": 0, "best": null, "incumbent": null, "memory": {}, "edges": {}}','[]',1.79606434306593751911e+09,'b44c4a840dac4973b567375a9f96f47a');
INSERT INTO "rounds" VALUES('fd7f2a0d',0,'{"index": 0, "box": {"x": [0.0, 1.0], "layers": [0.0, 1.0], "solver": {"choices": ["sgd", "adam"]}}, "kind": "start", "reason": "The first trials spread evenly over the whole space.", "changes": {"x": "kept", "layers": "kept", "solver": "kept"}, "parent": null, "support": [], "results": 0, "best": null, "incumbent": null, "memory": {}, "edges": {}}','[]',1.79606436093557119372e+09,NULL);
INSERT INTO "rounds" VALUES('869f4c61',0,'{"index": 0, "box": {"x": [0.0, 1.0], "layers": [0.0, 1.0], "solver": {"choices": ["sgd", "adam"]}}, "kind": "start", "reason": "The first trials spread evenly over the whole space.", "changes": {"x": "kept", "layers": "kept", "solver": "kept"}, "parent": null, "support": [], "results": 0, "best": null, "incumbent": null, "memory": {}, "edges": {}}','[]',1.79606436893428730969e+09,NULL);
CREATE TABLE studies (
	id VARCHAR(64) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	fingerprint VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	reason TEXT NOT NULL, 
	source TEXT NOT NULL, 
	filename VARCHAR(255) NOT NULL, 
	folder TEXT, 
	code_version VARCHAR(255), 
	user VARCHAR(255), 
	created FLOAT NOT NULL, 
	ended FLOAT, 
	importance JSON, 
	experiment_id VARCHAR(64), 
	run_id VARCHAR(64), 
	closed BOOLEAN NOT NULL, 
	primed BOOLEAN NOT NULL, 
	branched_from VARCHAR(64), 
	branched_round INTEGER, 
	notes JSON NOT NULL, 
	rebuilt INTEGER NOT NULL, 
	team VARCHAR(32) NOT NULL, 
	priority INTEGER NOT NULL, 
	place VARCHAR(8) NOT NULL, 
	shared BOOLEAN NOT NULL, 
	bundle VARCHAR(64), 
	CONSTRAINT pk_studies PRIMARY KEY (id)
);
INSERT INTO "studies" VALUES('26765920','bowl','297274ab9c2c3342d5e33f1088e87ca3dc35c2c0ac19d5be40a68237834e82e3','done','','name: bowl
metric: {name: loss, goal: minimize}
trainer: {function: "bowl:train"}
space:
  x: {type: float, low: 0.001, high: 1.0, scale: log}
  layers: {type: int, low: 1, high: 8}
  solver: {type: categorical, choices: [sgd, adam]}
budget: {trials: 8}
','study.yaml','/home/ada/study',NULL,'ada',1.79606434306593751911e+09,1.79606434371573138236e+09,'[{"name": "x", "share": 0.5455248861581713, "tier": null, "verdict": "measured first of three"}, {"name": "solver", "share": 0.44908786417933366, "tier": null, "verdict": "measured second of three"}, {"name": "layers", "share": 0.005387249662494975, "tier": 3, "verdict": "declared tier 3, measured third of three"}]','1','7665c46861184ffba20b9c6aad82547d',1,1,NULL,NULL,'[]',0,'default',0,'normal',0,NULL);
INSERT INTO "studies" VALUES('fd7f2a0d','second','5626a0f7828a195c6c83a6f2bd49874236c62d66c858077d910c8e6ce1a7648a','paused','','name: second
metric: {name: loss, goal: minimize}
trainer: {function: "slow:train"}
space:
  x: {type: float, low: 0.001, high: 1.0, scale: log}
  layers: {type: int, low: 1, high: 8}
  solver: {type: categorical, choices: [sgd, adam]}
budget: {trials: 6}
','second.yaml','/home/ada/study',NULL,'ada',1.79606436093557119372e+09,NULL,'null',NULL,NULL,0,1,NULL,NULL,'[]',0,'default',3,'normal',1,NULL);
INSERT INTO "studies" VALUES('869f4c61','bowl','297274ab9c2c3342d5e33f1088e87ca3dc35c2c0ac19d5be40a68237834e82e3','running','','name: bowl
metric: {name: loss, goal: minimize}
trainer: {function: "bowl:train"}
space:
  x: {type: float, low: 0.001, high: 1.0, scale: log}
  layers: {type: int, low: 1, high: 8}
  solver: {type: categorical, choices: [sgd, adam]}
budget: {trials: 8}
','study.yaml',NULL,NULL,'ada',1.79606436893428730969e+09,NULL,'null',NULL,NULL,0,1,NULL,NULL,'[]',0,'vision',0,'normal',0,'9c05620d1669f8d6e0ff16f1323d8c21203f0dbaa56e5031fa8eaeb1c49327d4');
CREATE TABLE teams (
	name VARCHAR(32) NOT NULL, 
	weight FLOAT NOT NULL, 
	quota JSON NOT NULL, 
	created FLOAT NOT NULL, 
	CONSTRAINT pk_teams PRIMARY KEY (name)
);
INSERT INTO "teams" VALUES('default',1.0,'{}',1.79606434274309658999e+09);
INSERT INTO "teams" VALUES('vision',2.0,'{"slots": 4}',1.79606436491145968442e+09);
CREATE TABLE tokens (
	id VARCHAR(16) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	role VARCHAR(16) NOT NULL, 
	team VARCHAR(32), 
	digest VARCHAR(64) NOT NULL, 
	created FLOAT NOT NULL, 
	expires FLOAT, 
	revoked FLOAT, 
	used FLOAT, 
	CONSTRAINT pk_tokens PRIMARY KEY (id), 
	CONSTRAINT fk_tokens_team FOREIGN KEY(team) REFERENCES teams (name)
);
INSERT INTO "tokens" VALUES('c58e7de9dcd8','ada','admin','vision','e9764ef1d183bab35d79cf344919a4cb0ce2b96caf927fd04a533cb0d88760e6',1.7960643654685723782e+09,1.80384036546856713293e+09,NULL,NULL);
INSERT INTO "tokens" VALUES('abb2d8c5d933','host-7','worker',NULL,'119e85e38e9317a63cc1e90d8581fc65ca13fcf33c3ccb60408094c0c290ace5',1.79606436606710577006e+09,1.80384036606709980965e+09,NULL,NULL);
CREATE TABLE trials (
	id VARCHAR(96) NOT NULL, 
	study_id VARCHAR(64) NOT NULL, 
	number INTEGER NOT NULL, 
	round INTEGER NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	attempt INTEGER NOT NULL, 
	crashes INTEGER NOT NULL, 
	lost INTEGER NOT NULL, 
	params JSON NOT NULL, 
	seed INTEGER NOT NULL, 
	value FLOAT, 
	metrics JSON NOT NULL, 
	steps INTEGER NOT NULL, 
	nonce VARCHAR(64), 
	host VARCHAR(128), 
	incarnation VARCHAR(64), 
	slot INTEGER, 
	created FLOAT NOT NULL, 
	started FLOAT, 
	ended FLOAT, 
	seconds FLOAT, 
	error TEXT NOT NULL, 
	output TEXT NOT NULL, 
	run_id VARCHAR(64), 
	shipped BOOLEAN NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	repeats INTEGER, 
	violation FLOAT NOT NULL, 
	curve JSON NOT NULL, 
	stop_asked BOOLEAN NOT NULL, 
	gpu VARCHAR(128), 
	changed INTEGER NOT NULL, 
	origin JSON, 
	touched BOOLEAN NOT NULL, 
	CONSTRAINT pk_trials PRIMARY KEY (id), 
	CONSTRAINT uq_trials_study_id_number UNIQUE (study_id, number), 
	CONSTRAINT fk_trials_study_id FOREIGN KEY(study_id) REFERENCES studies (id)
);
INSERT INTO "trials" VALUES('26765920-0','26765920',0,0,'done',1,0,0,'{"x": 0.10169439678871389, "layers": 3, "solver": "sgd"}',1446583109,1.03417503382203825046e-02,'{}',3,'9fdf4f1e5b3c4d04b8f8dfb644c07509','host-1','f4cdf8faa2854feca3691e1b165e0d91',1,1.79606434310171055794e+09,1.7960643431404218674e+09,1.79606434322677898404e+09,2.26096879998749500373e-02,'','','00c73e90c5824cc2b59e35f0990cdee9',1,'search',NULL,0.0,'[[0, 0.010341750338220383], [2, 2.0103417503382204]]',0,NULL,3,'null',0);
INSERT INTO "trials" VALUES('26765920-1','26765920',1,0,'done',1,0,0,'{"x": 0.0036637757044868887, "layers": 8, "solver": "adam"}',2005510037,1.34232524127883975581e-05,'{}',3,'446aef481e1b41d998d7c75cd910b93b','host-1','f4cdf8faa2854feca3691e1b165e0d91',0,1.79606434315078735352e+09,1.79606434321031713493e+09,1.79606434327890872957e+09,2.7687673999935213942e-02,'','','f95089cffa0649b096d429e3d7a64448',1,'search',NULL,0.0,'[[0, 1.3423252412788398e-05], [2, 2.0000134232524127]]',0,NULL,5,'null',1);
INSERT INTO "trials" VALUES('26765920-2','26765920',2,0,'stopped',1,0,0,'{"x": 0.02575916463827695, "layers": 2, "solver": "sgd"}',1234457838,2.00066353456286183387e+00,'{}',3,'662d3b0e79cd452cbed70a7e873b137b','host-1','f4cdf8faa2854feca3691e1b165e0d91',1,1.79606434321742200856e+09,1.79606434323983979225e+09,1.79606434330659055706e+09,4.34113169999363890383e-02,'stopped early at step 0 of about 2, rung 1 of 1','','97cecdc1948b4cc9861a117e241c6440',1,'search',NULL,0.0,'[[0, 0.0006635345628618576], [2, 2.000663534562862]]',0,NULL,6,'{"number":1,"step":1,"fork":"26765920-1-2","host":"host-1","run_id":null,"keep":"ask","kind":"fork","by":"the nurse","why":"to see","in_place":false,"steps":null,"schedule":[]}',0);
INSERT INTO "trials" VALUES('26765920-3','26765920',3,0,'done',1,0,0,'{"x": 0.4597358782267502, "layers": 5, "solver": "adam"}',996794743,2.11357077728921316506e-01,'{}',3,'e3df463a0ba645b7919e0764a8ad0b13','host-1','f4cdf8faa2854feca3691e1b165e0d91',1,1.79606434350455451015e+09,1.79606434351858019831e+09,1.79606434360212182995e+09,5.34953290000430570216e-02,'','','b21dff9dd5fb44688f4aecce1b6c787b',1,'search',NULL,0.0,'[[0, 0.21135707772892132], [2, 2.2113570777289215]]',0,NULL,9,'null',0);
INSERT INTO "trials" VALUES('26765920-4','26765920',4,0,'done',1,0,0,'{"x": 0.2844723596551716, "layers": 1, "solver": "adam"}',611851748,8.09245234077812930495e-02,'{}',3,'e9763a8d786d4614ab1b9df069e98415','host-1','f4cdf8faa2854feca3691e1b165e0d91',0,1.79606434352601528167e+09,1.79606434355396103862e+09,1.79606434361139130594e+09,3.40134589998797309817e-02,'','','9296f79206884e6db0cb1eb0410c2b87',1,'search',NULL,0.0,'[[0, 0.08092452340778129], [2, 2.080924523407781]]',0,NULL,11,'null',0);
INSERT INTO "trials" VALUES('26765920-5','26765920',5,0,'done',1,0,0,'{"x": 0.0074123390394087, "layers": 6, "solver": "sgd"}',1711670227,5.49427700351422888596e-05,'{}',3,'a9e6257ad1ba4bc587a8edd2254eadfa','host-1','f4cdf8faa2854feca3691e1b165e0d91',1,1.79606434356217050558e+09,1.79606434360970735547e+09,1.79606434364032483104e+09,1.32523690001562499674e-02,'','','6dc93e4990504b0a9ea5b5b702e2ad39',1,'search',NULL,0.0,'[[0, 5.494277003514229e-05], [2, 2.000054942770035]]',0,NULL,12,'null',0);
INSERT INTO "trials" VALUES('26765920-6','26765920',6,0,'done',1,0,0,'{"x": 0.0010631564607863722, "layers": 4, "solver": "adam"}',1405952615,1.13030166011180484471e-06,'{}',3,'f491bc6798b047a4ae1d0eec97b290be','host-1','f4cdf8faa2854feca3691e1b165e0d91',1,1.79606434363656687733e+09,1.79606434364932870863e+09,1.7960643436893675328e+09,3.38495200001034390879e-02,'','','773fdf5ed02c42a9b7bd3e4c4915bc72',1,'search',NULL,0.0,'[[0, 1.1303016601118048e-06], [2, 2.0000011303016603]]',0,NULL,15,'null',0);
INSERT INTO "trials" VALUES('26765920-7','26765920',7,0,'done',1,0,0,'{"x": 0.06218810614719876, "layers": 7, "solver": "sgd"}',368560125,0.00386736054617526,'{}',3,'1792b4a0a5fa4f40a5b7e13e4f937cf6','host-1','f4cdf8faa2854feca3691e1b165e0d91',0,1.79606434365981769557e+09,1.79606434366940212249e+09,1.79606434371318650247e+09,2.10036569999374478356e-02,'','','2cc015a4baef40abbb0c4beff1249c3d',1,'search',NULL,0.0,'[[0, 0.00386736054617526], [2, 2.003867360546175]]',0,NULL,16,'null',0);
INSERT INTO "trials" VALUES('fd7f2a0d-0','fd7f2a0d',0,0,'done',1,0,0,'{"x": 0.10169439678871389, "layers": 3, "solver": "sgd"}',1446583109,1.0169439678871389221e-01,'{}',1,'f5e49d5a991c4735964bac86723274db','host-1','1083b86b853c4a6aa0358b17a83021da',1,1.79606436097532176968e+09,1.7960643610708229542e+09,1.79606436127695846555e+09,1.7107841100005316548e-01,'','',NULL,0,'search',NULL,0.0,'[[0, 1.0]]',0,NULL,2,'null',0);
INSERT INTO "trials" VALUES('fd7f2a0d-1','fd7f2a0d',1,0,'done',1,0,0,'{"x": 0.0036637757044868887, "layers": 8, "solver": "adam"}',2005510037,3.66377570448688872142e-03,'{}',1,'8d28c0768b71455bb4ed3869a9b15ec0','host-1','1083b86b853c4a6aa0358b17a83021da',1,1.79606436134064698217e+09,1.79606436135943984978e+09,1.7960643615742633343e+09,1.44379434000029505114e-01,'','',NULL,0,'search',NULL,0.0,'[[0, 1.0]]',0,NULL,5,'null',0);
INSERT INTO "trials" VALUES('fd7f2a0d-2','fd7f2a0d',2,0,'running',1,0,0,'{"x": 0.02575916463827695, "layers": 2, "solver": "sgd"}',1234457838,NULL,'{}',0,'7874aaa41e434db3981787e7e1c96c9a','host-1','1083b86b853c4a6aa0358b17a83021da',0,1.79606436137531375886e+09,1.7960643614445123673e+09,NULL,NULL,'','',NULL,0,'search',NULL,0.0,'[]',0,NULL,4,'null',0);
INSERT INTO "trials" VALUES('fd7f2a0d-3','fd7f2a0d',3,0,'running',1,0,0,'{"x": 0.4597358782267502, "layers": 5, "solver": "adam"}',996794743,NULL,'{}',0,'ed00da875ec24d039b77ffe376dfcd19','host-1','1083b86b853c4a6aa0358b17a83021da',1,1.7960643614255943298e+09,1.79606436158704566951e+09,NULL,NULL,'','',NULL,0,'search',NULL,0.0,'[]',0,NULL,6,'null',0);
INSERT INTO "trials" VALUES('fd7f2a0d-4','fd7f2a0d',4,0,'dispatched',1,0,0,'{"x": 0.2844723596551716, "layers": 1, "solver": "adam"}',611851748,NULL,'{}',0,NULL,NULL,NULL,NULL,1.79606436160673809052e+09,NULL,NULL,NULL,'','',NULL,0,'search',NULL,0.0,'[]',0,NULL,0,'null',0);
INSERT INTO "trials" VALUES('869f4c61-0','869f4c61',0,0,'dispatched',1,0,0,'{"x": 0.10169439678871389, "layers": 3, "solver": "sgd"}',1446583109,NULL,'{}',0,NULL,NULL,NULL,NULL,1.7960643689415781498e+09,NULL,NULL,NULL,'','',NULL,0,'search',NULL,0.0,'[]',0,NULL,0,'null',0);
INSERT INTO "trials" VALUES('869f4c61-1','869f4c61',1,0,'dispatched',1,0,0,'{"x": 0.0036637757044868887, "layers": 8, "solver": "adam"}',2005510037,NULL,'{}',0,NULL,NULL,NULL,NULL,1.7960643689428305626e+09,NULL,NULL,NULL,'','',NULL,0,'search',NULL,0.0,'[]',0,NULL,0,'null',0);
INSERT INTO "trials" VALUES('869f4c61-2','869f4c61',2,0,'dispatched',1,0,0,'{"x": 0.02575916463827695, "layers": 2, "solver": "sgd"}',1234457838,NULL,'{}',0,NULL,NULL,NULL,NULL,1.79606436894357275957e+09,NULL,NULL,NULL,'','',NULL,0,'search',NULL,0.0,'[]',0,NULL,0,'null',0);
CREATE TABLE webhooks (
	id VARCHAR(16) NOT NULL, 
	team VARCHAR(32) NOT NULL, 
	url TEXT NOT NULL, 
	secret VARCHAR(128) NOT NULL, 
	events JSON NOT NULL, 
	created FLOAT NOT NULL, 
	CONSTRAINT pk_webhooks PRIMARY KEY (id), 
	CONSTRAINT fk_webhooks_team FOREIGN KEY(team) REFERENCES teams (name)
);
INSERT INTO "webhooks" VALUES('7d0c7f255f4b','vision','https://8.8.8.8/caviar','whsec_bm90LWEtc2VjcmV0LW9mLWFueWJvZHk=','[]',1.7960643666910467148e+09);
CREATE INDEX ix_studies_team_created ON studies (team, created);
CREATE INDEX ix_studies_state ON studies (state);
CREATE INDEX ix_studies_fingerprint ON studies (fingerprint);
CREATE INDEX ix_audit_team_id ON audit (team, id);
CREATE INDEX ix_answers_created ON answers (created);
CREATE INDEX ix_trials_best ON trials (study_id, value) WHERE state = 'done';
CREATE INDEX ix_trials_study_id_state_number ON trials (study_id, state, number);
CREATE INDEX ix_trials_study_id_shipped_ended ON trials (study_id, shipped, ended);
CREATE INDEX ix_trials_study_id_changed ON trials (study_id, changed);
CREATE INDEX ix_trials_study_id_ended ON trials (study_id, ended);
CREATE INDEX ix_attempts_ended ON attempts (ended);
CREATE INDEX ix_interventions_study_id_state ON interventions (study_id, state);
CREATE INDEX ix_deliveries_due ON deliveries (due);
CREATE TRIGGER audit_no_update BEFORE update ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE delete ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE UNIQUE INDEX ix_champions_one ON champions (study_id) WHERE state = 'champion';
CREATE INDEX ix_checks_state ON checks (state);
CREATE INDEX ix_checks_retuning ON checks (retuning);
CREATE INDEX ix_checks_check_study ON checks (check_study);
CREATE INDEX ix_checks_retuned ON checks (retuned);
COMMIT;
