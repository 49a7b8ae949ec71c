"""The words that names of columns and tables are made of, as data: English, pinyin in full and in initials, hanzi.

A concept's words are separated by spaces. ``WORDS`` counts everywhere; ``INITIALS`` (the first letters of pinyin
syllables) means something only where other names of the table are pinyin too, or where the values agree.
"""

from __future__ import annotations

# Each concept: the words that mean it.
WORDS: dict[str, str] = {
    # -- what is stored
    "face": "face faces facial headshot mugshot renlian lian 人脸 面部 面容 脸部 刷脸",
    "picture": "photo photos picture pictures pic pics img imgs image images portrait portraits avatar avatars "
    "snapshot snapshots thumb thumbs thumbnail thumbnails crop crops selfie selfies headpic headimg "
    "headimage userpic icon logo banner cover jpeg jpg png screenshot frame mugshot headshot gravatar "
    "photograph photographs visage zhaopian tupian touxiang xiangpian zhengjianzhao 照片 图片 头像 相片 "
    "图像 影像 证件照 抓拍图 抓拍照 底库照 寸照 截图 大图 小图 缩略图 全景图 人像",
    "template": "tpl tmpl tmplt template templates embedding embeddings vector vectors descriptor "
    "descriptors encoding encodings "
    "faceprint faceprints featurevector emb embs vec vecs biotemplate tezheng tezhengzhi muban "
    "xiangliang 特征 特征值 特征码 特征向量 模板 向量 建模",
    "feature": "feature features feat feats",
    "biometric": "biometric biometrics bio biodata 生物 生物特征 生物识别",
    "model": "model models algorithm algo calculator engine backend detector 模型 算法 引擎",
    # -- heads that make a name mean something about the data instead of the data
    "place": "path paths url urls uri link href file filename files filepath fileurl location dir folder addr "
    "address key objectkey oss src lujing dizhi lianjie wenjian wenjianming 路径 地址 链接 文件 文件名 "
    "网址 目录 存储",
    "base64": "base64 b64",
    "blob": "blob bytes binary bin raw data content body bytea payload shuju neirong 数据 内容 二进制",
    "about": "id ids count counts num total version ver type kind status state flag score quality threshold size "
    "width height format hash md5 sha sha1 sha256 sha512 checksum digest etag dim dims dimension "
    "dimensions length len angle pitch yaw roll box bbox rect x y w h top left right bottom landmark "
    "landmarks landmarksjson enabled active valid result distance similarity confidence reason remark "
    "remarks note notes desc description mime mimetype ext extension index idx level mode source sort "
    "order seq expire ratio rate weight bits 数量 版本 类型 状态 分数 质量 阈值 大小 宽度 高度 格式 哈希 "
    "摘要 备注 说明 序号 相似度 置信度 结果 次数 标识 banben leixing zhuangtai zhiliang shuliang beizhu",
    # -- who
    "person": "person persons people human individual subject subjects subj personnel staff employee employees emp "
    "worker workers student students pupil pupils teacher teachers member members visitor visitors guest "
    "guests customer customers client clients patient patients resident residents tenant tenants "
    "passenger passengers pax candidate applicant applicants user users child children kid kids parent "
    "parents guardian guardians driver drivers citizen traveller traveler attendee attendees enrollee "
    "enrolee holder cardholder cardholders identity identities suspect suspects contact contacts "
    "userinfo personinfo player actor athlete trainee coach usr pers voter stu stud inmate lodger "
    "occupant learner learners contractor contractors volunteer participant participants renyuan "
    "yuangong xuesheng jiaoshi fangke huiyuan guke kehu yonghu zhuhu yezhu 人员 员工 学生 教师 老师 访客 "
    "会员 顾客 客户 用户 住户 业主 旅客 患者 病人 居民 职工 教职工 宾客 乘客 家长 儿童 幼儿 学员 司机 人 "
    "者 住客 客人",
    "number": "no nr number num code bh sn uid uuid guid id ids ref reference pin oid pk key bianhao haoma 编号 "
    "号码 号 代码 标识 主键 编码",
    "staffno": "empno empcode employeeno employeenumber staffno staffid personid personcode personno userno userid "
    "userpin badgenumber badgeno memberno studentno stuno matricule openid unionid ssn gonghao xuehao "
    "kahao 工号 学号 卡号 证号 会员号 职工号 员工号 准考证号 房号 门禁卡号",
    "card": "card badge rfid fob kapian 卡 门禁卡 卡片",
    "idcard": "idcard idno idnumber passport nationalid identitycard citizenid shenfenzheng shenfenzhenghao "
    "zhengjianhao 身份证 身份证号 身份证号码 证件号 证件号码 护照 护照号",
    "name": "name names fullname realname truename nickname firstname lastname surname forename givenname "
    "familyname displayname personname username uname loginname xingming mingzi mingcheng nicheng "
    "zhenshixingming 姓名 名字 昵称 姓 真实姓名 名称 名",
    "personname": "nick fullname realname truename nickname firstname lastname surname forename givenname familyname "
    "personname xingming zhenshixingming nicheng 姓名 昵称 真实姓名",
    "label": "label labels alias handle who",
    "login": "login account email mail phone mobile tel telephone username loginname uname zhanghao shoujihao "
    "账号 帐号 手机号 手机 电话 邮箱",
    "actor": "owner creator author operator uploader approver reviewer auditor admin administrator editor handler "
    "inviter registrar creater modifier updater inserter sender by assignee verifier witness caozuoren "
    "chuangjianren 操作员 操作人 创建人 创建者 审核人 管理员 更新人 录入人 修改人 经办人 邀请人 被访人 "
    "接待人",
    # -- when
    "time": "time date at on datetime timestamp ts day dt dttm when moment until till since gmt utc tm shijian "
    "riqi 时间 日期 时刻 日",
    "birth": "birth birthday birthdate birthdt dob born bday dateofbirth chusheng shengri chushengriqi 出生 生日 "
    "出生日期 出生年月",
    "created": "create created creation creating add added insert inserted enroll enrolled enrol enrolment "
    "enrollment register registered registration reg signup joined join upload uploaded stored saved "
    "imported import createtime createdate addtime ctime crtime regdate regtime hired entered chuangjian "
    "luru zhuce dengji ruku 创建 录入 注册 登记 入库 添加 新增 上传 建档 入职 加入 采录",
    "captured": "capture captured snap snapped shot taken shoot shooting photographed recorded filmed grabbed exif "
    "capturetime snaptime shottime takentime zhuapai paishe caiji 抓拍 拍摄 拍照 采集 捕获 识别时间 "
    "通行时间 过脸",
    "event": "event punch pass access swipe checkin clock detection detected recognition recognized recognised "
    "match matched occur occurred      通行 打卡 签到 事件 识别  "
    "",
    "last": "last latest recent lastly final zuihou zuijin shangci 最后 最近 上次 末次 最新",
    "seen": "seen login logged logon visit visited access accessed active activity used use check checkin appear "
    "appeared match matched interaction interacted contact contacted signin sign online entry pass punch "
    "present attendance stay recognized recognised seenat denglu fangwen huoyue 登录 登陆 访问 活跃 使用 "
    "出现 识别 到访 通行 打卡 互动 入住 消费 联系 签到 到店",
    "lastseen": "lastseen lastlogin lastvisit lastaccess lastactive lastactivity lastlogintime",
    "updated": "update updated modify modified change changed edit edited mtime utime updatetime modifytime "
    "lastupdated gengxin xiugai 更新 修改 变更",
    "deleted": "delete deleted removed remove archived purged purge erased shanchu 删除 注销",
    "expires": "expire expires expired expiry expiration expirydate expiretime validto validuntil deadline "
    "retention retain keepuntil deleteafter purgeafter disposal daoqi shixiao youxiaoqi guoqi 到期 失效 "
    "过期 有效期 截止 截至 保存期限 保留期限 有效期至 终止",
    "valid": "valid validity keep effective",
    "end": "end to until till thru through after stop zhi 至 结束",
    # -- consent
    "consent": "consent consents consented agree agreed agrees agreement optin opted authorization authorisation "
    "authorized authorised authorize authorise tongyi shouquan 同意 授权 知情同意 许可",
    "firmconsent": "consent consents consented agree agreed optin tongyi 同意 知情同意 授权书",
    "granted": "grant granted given give gave accepted accept signed sign obtained confirmed confirm approve "
    "approved effective start begin since from qianshu qianzi 签署 签字 给予 确认 生效",
    "withdrawn": "withdraw withdrawn withdrew withdrawal revoke revoked revocation optout rescinded rescind cancelled "
    "canceled cancel objection objected chehui chexiao 撤回 撤销 取消 收回 撤消 退出",
    "purpose": "purpose purposes usage yongtu mudi 用途 目的 使用目的 处理目的",
    # -- kinds of tables, and of vectors
    "thing": "product products goods sku item items article articles document documents doc docs chunk chunks "
    "page pages post posts news track tracks song songs music album albums audio video videos movie "
    "movies recipe recipes order orders invoice invoices device devices sensor sensors camera cameras "
    "vehicle vehicles car cars location locations place places city country region department "
    "departments dept org organisation organization company companies site sites room rooms door doors "
    "building asset assets paragraph paragraphs sentence sentences message messages faq knowledge kb "
    "query queries word words token tokens session sessions config setting settings log logs task tasks "
    "job jobs category categories brand brands shop shops store stores supplier suppliers material "
    "equipment machine machines signal reading readings measurement measurements telemetry hotel "
    "restaurant book books gallery cartoon plant animal animals pet pets gait part parts zone zones "
    "group groups role roles permission permissions terminal gate tag tags file files report reports "
    "project projects course courses class classes test rule rules 商品 产品 文档 设备 部门 车辆 订单 "
    "文章 公司 摄像头 班级 课程 学校 分组 角色 楼栋 房间",
    "otherspace": "text texts title titles summary content contents chunk chunks doc docs document documents passage "
    "passages paragraph sentence sentences article articles query prompt semantic nlp bert openai gpt "
    "llm rag knowledge faq word words token tokens lyrics audio music song songs track tracks sound "
    "melody acoustic speech product products goods sku item items recipe movie clip smart scene "
    "preference preferences interest interests taste behavior behaviour recommendation recommender "
    "ratings style catalog catalogue search topic topics code job jobs resume cv skill skills news email "
    "comment comments review reviews description caption captions question answer message messages "
    "artwork logo brand colour color histogram histograms hist spectrum spectra spectral waveform wave "
    "sensor sensors reading readings signal signals ecg eeg ppg accelerometer gyro vibration temperature "
    "telemetry imu pressure humidity power energy load weather geo geom geometry coordinates molecule "
    "protein gene vehicle car plate house property listing bands 文本 文档 文章 商品 音乐 歌曲 音频 语义 "
    "内容 标题 知识 简历 偏好 兴趣 颜色 直方图 光谱 传感器 波形 心电 车辆 车牌",
    "othermetric": "finger fingers fingerprint fingerprints fp fpt fingervein vein palm palmprint palmvein iris retina "
    "voice voiceprint voiceprints speaker speakers vocal gait dna zhiwen hongmo shengwen zhangwen body "
    "reid pedestrian 指纹 虹膜 掌纹 掌静脉 指静脉 静脉 声纹 步态 人体",
    "facemodel": "arcface facenet facenet512 insightface vggface deepface openface deepid dlib sface ghostfacenet "
    "buffalo retinaface mtcnn scrfd yunet blazeface adaface cosface sphereface magface seetaface arcsoft "
    "facepp face_recognition faceapi mobilefacenet antelopev2 buffalo_l",
}

# Initials of pinyin: a concept sequence each, the head last.
INITIALS: dict[str, str] = {
    "rl": "face",
    "zp": "picture",
    "tp": "picture",
    "tx": "picture",
    "xp": "picture",
    "zjz": "picture",
    "txdz": "picture place",
    "zplj": "picture place",
    "zpdz": "picture place",
    "zpmc": "picture place",
    "tplj": "picture place",
    "tpdz": "picture place",
    "txlj": "picture place",
    "lj": "place",
    "dz": "place",
    "wjlj": "place",
    "rlzp": "face picture",
    "rltp": "face picture",
    "rltx": "face picture",
    "rlzplj": "face picture place",
    "rlzpdz": "face picture place",
    "rltpdz": "face picture place",
    "rlsj": "face blob",
    "rltz": "face template",
    "rltzz": "face template",
    "rltzm": "face template",
    "rltzsj": "face template",
    "rltzxl": "face template",
    "rlxl": "face template",
    "rlmb": "face template",
    "rlid": "face about",
    "tz": "template",
    "tzz": "template",
    "tzm": "template",
    "tzxl": "template",
    "tzsj": "template",
    "tzmb": "template",
    "zwtz": "othermetric template",
    "zwmb": "othermetric template",
    "zw": "othermetric",
    "swtz": "othermetric template",
    "hmtz": "othermetric template",
    "xm": "personname",
    "ryxm": "person personname",
    "xsxm": "person personname",
    "jsxm": "person personname",
    "ygxm": "person personname",
    "fkxm": "person personname",
    "yhxm": "person personname",
    "zsxm": "personname",
    "nc": "personname",
    "yhm": "login",
    "mc": "name",
    "gh": "staffno",
    "xh": "staffno",
    "kh": "staffno",
    "hyh": "staffno",
    "zgh": "staffno",
    "jgh": "staffno",
    "ygh": "staffno",
    "ybh": "staffno",
    "ksh": "staffno",
    "rybh": "person number",
    "ryid": "person number",
    "rydm": "person number",
    "ygbh": "person number",
    "ygid": "person number",
    "xsbh": "person number",
    "xsid": "person number",
    "xsxh": "person staffno",
    "jsbh": "person number",
    "jzgh": "person number",
    "fkid": "person number",
    "fkbh": "person number",
    "hybh": "person number",
    "hyid": "person number",
    "yhid": "person number",
    "yhbh": "person number",
    "khbh": "person number",
    "khh": "person number",
    "khxm": "person personname",
    "ksxm": "person personname",
    "zkzh": "staffno",
    "lkbh": "person number",
    "bh": "number",
    "sfz": "idcard",
    "sfzh": "idcard",
    "sfzhm": "idcard",
    "sfzjh": "idcard",
    "sfzjhm": "idcard",
    "gmsfhm": "idcard",
    "gmsfzh": "idcard",
    "zjhm": "idcard",
    "zjh": "idcard",
    "ickh": "card number",
    "mjkh": "card number",
    "csrq": "birth time",
    "csny": "birth time",
    "csnyr": "birth time",
    "sr": "birth",
    "sj": "time",
    "rq": "time",
    "cjsj": "created time",
    "cjrq": "created time",
    "lrsj": "created time",
    "lrrq": "created time",
    "djsj": "created time",
    "djrq": "created time",
    "zcsj": "created time",
    "zcrq": "created time",
    "rksj": "created time",
    "rkrq": "created time",
    "tjsj": "created time",
    "scsj": "created time",
    "jdsj": "created time",
    "xgsj": "updated time",
    "gxsj": "updated time",
    "gxrq": "updated time",
    "zpsj": "captured time",
    "psrq": "captured time",
    "pssj": "captured time",
    "pzsj": "captured time",
    "zhuapaisj": "captured time",
    "txsj": "event time",
    "dksj": "event time",
    "zhdlsj": "last seen time",
    "zhfwsj": "last seen time",
    "zhsj": "last seen time",
    "zhcxsj": "last seen time",
    "zhtxsj": "last seen time",
    "zhsbsj": "last seen time",
    "zjdlsj": "last seen time",
    "scdlsj": "last seen time",
    "dqsj": "expires time",
    "dqrq": "expires time",
    "sxsj": "expires time",
    "sxrq": "expires time",
    "gqsj": "expires time",
    "yxq": "expires",
    "yxqz": "expires",
    "yxqx": "expires",
    "yxjzrq": "expires time",
    "jzrq": "expires time",
    "jzsj": "expires time",
    "bcqx": "expires",
    "sfty": "firmconsent consent",
    "tybz": "firmconsent consent",
    "tyzt": "firmconsent consent",
    "sfsq": "consent",
    "sqbz": "consent",
    "zqty": "firmconsent consent",
    "tysj": "firmconsent consent time",
    "tyrq": "firmconsent consent time",
    "tyqssj": "consent granted time",
    "qssj": "granted time",
    "qsrq": "granted time",
    "sqrq": "consent time",
    "sqsj": "consent time",
    "chsj": "withdrawn time",
    "chrq": "withdrawn time",
    "cxsj": "withdrawn time",
    "cxrq": "withdrawn time",
    "chtysj": "withdrawn time",
    "yt": "purpose",
    "md": "purpose",
    "symd": "purpose",
    "clmd": "purpose",
    "syyt": "purpose",
    "sjyt": "purpose",
}

# Names that mean something only when they stand alone.
ALONE: dict[str, str] = {
    "uid": "person number",
    "pin": "person number",
    "who": "person label",
    "dt": "time",
    "ts": "time",
}

# Those of the words above that are pinyin.
_PINYIN = (
    "banben beizhu bianhao caiji caozuoren chehui chexiao chuangjian chuangjianren chusheng chushengriqi "
    "daoqi dengji denglu dizhi fangke fangwen gengxin gonghao guke guoqi haoma hongmo huiyuan huoyue jiaoshi "
    "kahao kapian kehu leixing lian lianjie lujing luru mingcheng mingzi muban mudi neirong nicheng paishe "
    "qianshu qianzi renlian renyuan riqi ruku shanchu shangci shenfenzheng shenfenzhenghao shengri shengwen "
    "shijian shixiao shoujihao shouquan shuju shuliang tezheng tezhengzhi tongyi touxiang tupian wenjian "
    "wenjianming xiangliang xiangpian xingming xiugai xuehao xuesheng yezhu yonghu yongtu youxiaoqi yuangong "
    "zhanghao zhangwen zhaopian zhengjianhao zhengjianzhao zhenshixingming zhi zhiliang zhiwen zhuangtai "
    "zhuapai zhuce zhuhu zuihou zuijin"
)
PINYIN = frozenset(_PINYIN.split())
