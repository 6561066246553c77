BEGIN TRANSACTION;
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL);
INSERT INTO "alembic_version" VALUES('0004');
CREATE TABLE attempts (
	trial_id VARCHAR(96) NOT NULL, 
	attempt INTEGER NOT NULL, 
	host VARCHAR(128), 
	started FLOAT NOT NULL, 
	ended FLOAT, 
	outcome VARCHAR(16), 
	detail TEXT NOT NULL, 
	CONSTRAINT pk_attempts PRIMARY KEY (trial_id, attempt), 
	CONSTRAINT fk_attempts_trial_id FOREIGN KEY(trial_id) REFERENCES trials (id)
);
INSERT INTO "attempts" VALUES('830bf65d-0',1,'host-1',1.79606427806999492647e+09,1.79606427811398053169e+09,'done','');
INSERT INTO "attempts" VALUES('830bf65d-1',1,'host-1',1.79606427810460185998e+09,1796064278.18257,'done','');
INSERT INTO "attempts" VALUES('830bf65d-2',1,'host-1',1.79606427811911725997e+09,1.79606427816121435158e+09,'failed','Traceback (most recent call last):
  File "/home/ada/study/bowl.py", line 5, in train
    raise ValueError("no good: é")
ValueError: no good: é');
INSERT INTO "attempts" VALUES('830bf65d-3',1,'host-1',1.79606427816185021395e+09,1.79606427819124507905e+09,'done','');
INSERT INTO "attempts" VALUES('830bf65d-4',1,'host-1',1.79606427819200491907e+09,1.79606427821858596807e+09,'done','');
INSERT INTO "attempts" VALUES('830bf65d-5',1,'host-1',1.79606427821730971336e+09,1.79606427824466705319e+09,'done','');
INSERT INTO "attempts" VALUES('830bf65d-6',1,'host-1',1.79606427824042606355e+09,1.79606427826496505735e+09,'done','');
INSERT INTO "attempts" VALUES('830bf65d-7',1,'host-1',1.79606427825668668748e+09,1.79606427828996586797e+09,'done','');
INSERT INTO "attempts" VALUES('d9a1c58f-0',1,'host-1',1.79606429738483595846e+09,1.79606429759535837168e+09,'done','');
INSERT INTO "attempts" VALUES('d9a1c58f-1',1,'host-1',1.79606429742983055115e+09,1.7960642976214160919e+09,'done','');
INSERT INTO "attempts" VALUES('d9a1c58f-3',1,'host-1',1.79606429769697356225e+09,NULL,NULL,'');
INSERT INTO "attempts" VALUES('d9a1c58f-2',1,'host-1',1.79606429770874953272e+09,NULL,NULL,'');
CREATE TABLE priors (
	study_id VARCHAR(64) NOT NULL, 
	number INTEGER NOT NULL, 
	source VARCHAR(255) NOT NULL, 
	params JSON NOT NULL, 
	value FLOAT NOT NULL, 
	CONSTRAINT pk_priors PRIMARY KEY (study_id, number), 
	CONSTRAINT fk_priors_study_id FOREIGN KEY(study_id) REFERENCES studies (id)
);
INSERT INTO "priors" VALUES('d9a1c58f',0,'by hand','{"x": 0.5, "layers": 3, "solver": "adam"}',0.25);
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
INSERT INTO "rounds" VALUES('830bf65d',0,'{"index": 0, "box": {"x": [0.0, 1.0], "layers": [0.0, 1.0], "solver": {"choices": ["sgd", "adam"]}}, "kind": "start", "reason": "The first trials spread evenly over the whole space.", "changes": {"x": "kept", "layers": "kept", "solver": "kept"}, "parent": null, "support": [], "results": 0, "best": null, "incumbent": null, "memory": {}, "edges": {}}','[]',1.7960642780149891377e+09,'83a9fa875ec44f2c90242e4df731295b');
INSERT INTO "rounds" VALUES('d9a1c58f',0,'{"index": 0, "box": {"x": [0.0, 1.0], "layers": [0.0, 1.0], "solver": {"choices": ["sgd", "adam"]}}, "kind": "start", "reason": "The first trials spread evenly over the whole space.", "changes": {"x": "kept", "layers": "kept", "solver": "kept"}, "parent": null, "support": [], "results": 0, "best": null, "incumbent": null, "memory": {}, "edges": {}}','[]',1.79606429711688899992e+09,NULL);
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
	CONSTRAINT pk_studies PRIMARY KEY (id)
);
INSERT INTO "studies" VALUES('830bf65d','bowl','297274ab9c2c3342d5e33f1088e87ca3dc35c2c0ac19d5be40a68237834e82e3','done','','name: bowl
metric: {name: loss, goal: minimize}
trainer: {function: "bowl:train"}
space:
  x: {type: float, low: 0.001, high: 1.0, scale: log}
  layers: {type: int, low: 1, high: 8}
  solver: {type: categorical, choices: [sgd, adam]}
budget: {trials: 8}
','study.yaml','/home/ada/study',NULL,'ada',1.7960642780149891377e+09,1.79606427829190587993e+09,'[]','1','25a0e1ad86164cf9abc8c4dd6a6c55e9',1,1,NULL,NULL,'[]',0);
INSERT INTO "studies" VALUES('d9a1c58f','second','5626a0f7828a195c6c83a6f2bd49874236c62d66c858077d910c8e6ce1a7648a','paused','','name: second
metric: {name: loss, goal: minimize}
trainer: {function: "slow:train"}
space:
  x: {type: float, low: 0.001, high: 1.0, scale: log}
  layers: {type: int, low: 1, high: 8}
  solver: {type: categorical, choices: [sgd, adam]}
budget: {trials: 6}
','second.yaml','/home/ada/study',NULL,'ada',1.79606429711688899992e+09,NULL,'null',NULL,NULL,0,1,NULL,NULL,'[]',0);
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
	CONSTRAINT pk_trials PRIMARY KEY (id), 
	CONSTRAINT uq_trials_study_id_number UNIQUE (study_id, number), 
	CONSTRAINT fk_trials_study_id FOREIGN KEY(study_id) REFERENCES studies (id)
);
INSERT INTO "trials" VALUES('830bf65d-0','830bf65d',0,0,'done',1,0,0,'{"x": 0.10169439678871389, "layers": 3, "solver": "sgd"}',1446583109,1.03417503382203825046e-02,'{}',3,'4adb330a37d4461286119a3e7e70a43a','host-1','a9d31b76eb7c41089e0c503efa242ae8',1,1.79606427803493809694e+09,1.79606427806999492647e+09,1.79606427811398053169e+09,1.09841779999442223925e-02,'','','9a4eb1d915db4801a27f238d992b5ea1',1,'search',NULL,0.0,'[[0, 0.010341750338220383], [2, 2.0103417503382204]]');
INSERT INTO "trials" VALUES('830bf65d-1','830bf65d',1,0,'done',1,0,0,'{"x": 0.0036637757044868887, "layers": 8, "solver": "adam"}',2005510037,1.34232524127883975581e-05,'{}',3,'f6fd37cb3dfb4c2286337697721eaede','host-1','a9d31b76eb7c41089e0c503efa242ae8',0,1.79606427808716320989e+09,1.79606427810460185998e+09,1796064278.18257,4.92662120000204595271e-02,'','','48d150371233492aa890f1e66ba4be0a',1,'search',NULL,0.0,'[[0, 1.3423252412788398e-05], [2, 2.0000134232524127]]');
INSERT INTO "trials" VALUES('830bf65d-2','830bf65d',2,0,'failed',1,0,0,'{"x": 0.02575916463827695, "layers": 2, "solver": "sgd"}',1234457838,NULL,'{}',3,'114d828e27ff4e3b8b0d4e71af69fa25','host-1','a9d31b76eb7c41089e0c503efa242ae8',1,1.79606427810658502578e+09,1.79606427811911725997e+09,1.79606427816121435158e+09,3.18803459999799088109e-02,'Traceback (most recent call last):
  File "/home/ada/study/bowl.py", line 5, in train
    raise ValueError("no good: é")
ValueError: no good: é','','96ee0de2ef964b54ae6ed6284e5b42f3',1,'search',NULL,0.0,'[[0, 0.0006635345628618576], [2, 2.000663534562862]]');
INSERT INTO "trials" VALUES('830bf65d-3','830bf65d',3,0,'done',1,0,0,'{"x": 0.4597358782267502, "layers": 5, "solver": "adam"}',996794743,2.11357077728921316506e-01,'{}',3,'701c5a43501c4da68ab9f6072c310483','host-1','a9d31b76eb7c41089e0c503efa242ae8',1,1.79606427812076973908e+09,1.79606427816185021395e+09,1.79606427819124507905e+09,1.08288239998728386126e-02,'','','3c5bc838fb6b42e0a1272356149bfe1e',1,'search',NULL,0.0,'[[0, 0.21135707772892132], [2, 2.2113570777289215]]');
INSERT INTO "trials" VALUES('830bf65d-4','830bf65d',4,0,'done',1,0,0,'{"x": 0.2844723596551716, "layers": 1, "solver": "adam"}',611851748,8.09245234077812930495e-02,'{}',3,'858b46a0133649639bf1ba5dff6891a8','host-1','a9d31b76eb7c41089e0c503efa242ae8',0,1.79606427816881680488e+09,1.79606427819200491907e+09,1.79606427821858596807e+09,1.54591329999220761237e-02,'','','5179787b88d142d3a5dabf26d2e19da0',1,'search',NULL,0.0,'[[0, 0.08092452340778129], [2, 2.080924523407781]]');
INSERT INTO "trials" VALUES('830bf65d-5','830bf65d',5,0,'done',1,0,0,'{"x": 0.0074123390394087, "layers": 6, "solver": "sgd"}',1711670227,5.49427700351422888596e-05,'{}',3,'2220f09b1fd64bbfbfbc6e620a72ce0b','host-1','a9d31b76eb7c41089e0c503efa242ae8',1,1.7960642781984989643e+09,1.79606427821730971336e+09,1.79606427824466705319e+09,1.50571310000486846547e-02,'','','529ce76e86fb489b9088e0cd8ded9d37',1,'search',NULL,0.0,'[[0, 5.494277003514229e-05], [2, 2.000054942770035]]');
INSERT INTO "trials" VALUES('830bf65d-6','830bf65d',6,0,'done',1,0,0,'{"x": 0.0010631564607863722, "layers": 4, "solver": "adam"}',1405952615,1.13030166011180484471e-06,'{}',3,'134bb535e2d5487d91a739580dde5dfb','host-1','a9d31b76eb7c41089e0c503efa242ae8',0,1.79606427822867655754e+09,1.79606427824042606355e+09,1.79606427826496505735e+09,1.60884580000129062682e-02,'','','b173330d0ffa4a688c506df059245c5a',1,'search',NULL,0.0,'[[0, 1.1303016601118048e-06], [2, 2.0000011303016603]]');
INSERT INTO "trials" VALUES('830bf65d-7','830bf65d',7,0,'done',1,0,0,'{"x": 0.06218810614719876, "layers": 7, "solver": "sgd"}',368560125,0.00386736054617526,'{}',3,'6c82f178b3c7436791ad51a3c3d4827d','host-1','a9d31b76eb7c41089e0c503efa242ae8',1,1.79606427824338197706e+09,1.79606427825668668748e+09,1.79606427828996586797e+09,2.65120859999115054961e-02,'','','2ac3d1ee070d474194f09b56c2dddf55',1,'search',NULL,0.0,'[[0, 0.00386736054617526], [2, 2.003867360546175]]');
INSERT INTO "trials" VALUES('d9a1c58f-0','d9a1c58f',0,0,'done',1,0,0,'{"x": 0.10169439678871389, "layers": 3, "solver": "sgd"}',1446583109,1.0169439678871389221e-01,'{}',1,'79a8071e491841aab1ef2ccad8da8616','host-1','31eb2236673d466d8d9d49cd533d2929',1,1.79606429720304608347e+09,1.79606429738483595846e+09,1.79606429759535837168e+09,1.63520359999893116764e-01,'','',NULL,0,'search',NULL,0.0,'[[0, 1.0]]');
INSERT INTO "trials" VALUES('d9a1c58f-1','d9a1c58f',1,0,'done',1,0,0,'{"x": 0.0036637757044868887, "layers": 8, "solver": "adam"}',2005510037,3.66377570448688872142e-03,'{}',1,'4ac3dc14d1164a4d94a8fc8a7a6306cc','host-1','31eb2236673d466d8d9d49cd533d2929',0,1.79606429737916135783e+09,1.79606429742983055115e+09,1.7960642976214160919e+09,1.47846472000082940212e-01,'','',NULL,0,'search',NULL,0.0,'[[0, 1.0]]');
INSERT INTO "trials" VALUES('d9a1c58f-2','d9a1c58f',2,0,'running',1,0,0,'{"x": 0.02575916463827695, "layers": 2, "solver": "sgd"}',1234457838,NULL,'{}',0,'e433c97a6c7b42ae9aeeee2bd7a84a8a','host-1','31eb2236673d466d8d9d49cd533d2929',1,1.79606429740095806116e+09,1.79606429770874953272e+09,NULL,NULL,'','',NULL,0,'search',NULL,0.0,'[]');
INSERT INTO "trials" VALUES('d9a1c58f-3','d9a1c58f',3,0,'running',1,0,0,'{"x": 0.4597358782267502, "layers": 5, "solver": "adam"}',996794743,NULL,'{}',0,'59834201c03741f9a1c4c63653db490b','host-1','31eb2236673d466d8d9d49cd533d2929',0,1.79606429764093661304e+09,1.79606429769697356225e+09,NULL,NULL,'','',NULL,0,'search',NULL,0.0,'[]');
INSERT INTO "trials" VALUES('d9a1c58f-4','d9a1c58f',4,0,'dispatched',1,0,0,'{"x": 0.2844723596551716, "layers": 1, "solver": "adam"}',611851748,NULL,'{}',0,NULL,NULL,NULL,NULL,1.79606429765735864639e+09,NULL,NULL,NULL,'','',NULL,0,'search',NULL,0.0,'[]');
CREATE INDEX ix_studies_state ON studies (state);
CREATE INDEX ix_studies_fingerprint ON studies (fingerprint);
CREATE INDEX ix_trials_study_id_shipped_ended ON trials (study_id, shipped, ended);
CREATE INDEX ix_trials_best ON trials (study_id, value) WHERE state = 'done';
CREATE INDEX ix_trials_study_id_state_number ON trials (study_id, state, number);
CREATE INDEX ix_trials_study_id_ended ON trials (study_id, ended);
COMMIT;
